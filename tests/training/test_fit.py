"""The loop: interrupted or not, on one device or many, the same bits."""

from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from training_family import recipe, settings

from latentsweep.training import fit
from latentsweep.training.placement import Placement, on_all, over_members
from latentsweep.training.programs import Programs, compiled
from latentsweep.training.steps import initial_state
from latentsweep.training.supply import Held

EPOCHS = 5


class InterruptionError(Exception):
    """Stands for a process that ends."""


def run(members, values, folder: Path, devices=2, mapping="map", stop_after=None):
    """Train the members for EPOCHS, or until an interruption after some."""
    parts, told = recipe(7), []

    def on_epoch(epoch: int, resumed: bool) -> None:
        told.append((epoch, resumed))
        if epoch == stop_after:
            raise InterruptionError

    mesh = Placement(tuple(jax.devices()[:devices]), mapping).mesh(4)
    data = Held(on_all(values, mesh))
    (programs,) = compiled(parts, mapping, [(members, data, mesh)])
    settings = over_members(members, mesh)
    return fit.fit(programs, settings, EPOCHS, folder, on_epoch), told


def assert_same(one, other) -> None:
    for a, b in zip(one, other, strict=True):
        jax.tree.map(np.testing.assert_array_equal, a.vae, b.vae)
        np.testing.assert_array_equal(a.reconstruction, b.reconstruction)
        np.testing.assert_array_equal(a.penalty, b.penalty)
        assert a.failed_epoch == b.failed_epoch == 0


@pytest.fixture(scope="module")
def whole(members, values, tmp_path_factory):
    outcomes, told = run(members, values, tmp_path_factory.mktemp("whole"))
    assert told == [(0, False)] + [(epoch, False) for epoch in range(1, EPOCHS + 1)]
    return outcomes


@pytest.mark.parametrize("devices", [1, 8])
def test_the_number_of_devices_changes_no_bit(members, values, whole, tmp_path, devices):
    assert_same(run(members, values, tmp_path, devices=devices)[0], whole)


@pytest.mark.parametrize(("stop", "devices"), [(1, 2), (3, 1), (5, 4)])
def test_an_interrupted_training_ends_with_the_same_bits(
    members, values, whole, tmp_path, stop, devices
):
    with pytest.raises(InterruptionError):
        run(members, values, tmp_path, stop_after=stop)
    outcomes, told = run(members, values, tmp_path, devices=devices)
    assert told[0] == (stop, True)
    assert_same(outcomes, whole)


def test_side_by_side_agrees_but_for_rounding(members, values, whole, tmp_path):
    outcomes, _ = run(members, values, tmp_path, mapping="vmap")
    for a, b in zip(outcomes, whole, strict=True):
        np.testing.assert_allclose(a.reconstruction, b.reconstruction, rtol=1e-4)


def test_each_member_has_its_own_curve(whole):
    curves = {tuple(outcome.reconstruction) for outcome in whole}
    assert len(curves) == 4
    assert all(len(outcome.penalty) == EPOCHS for outcome in whole)


def test_outcomes_stand_in_the_order_of_the_members(whole):
    """The first padded row of the decoder tells whose weights they are."""
    used = [np.any(outcome.vae.decoder.hidden.weight, axis=1) for outcome in whole]
    assert [int(rows.sum()) for rows in used] == [1, 3, 3, 7]
    assert all(rows[: rows.sum()].all() for rows in used)


def outcome(loss, start, first=50.0, failed_epoch=0):
    """A training that ended with a loss, of which nothing but that is known."""
    curve = np.full(2, loss - 1.0), np.ones(2)
    vae = initial_state(settings(2), recipe(3)).vae
    kept = len(curve[0]), np.nan
    return fit.Outcome(vae, np.zeros(()), *curve, *kept, first, failed_epoch, 1.0, start)


@pytest.mark.parametrize(
    ("ends", "kept", "failed", "asked"),
    [
        ([[10.0, 20.0]], [(10, 0), (20, 0)], [0, 0], []),
        ([[10.0, 1e9], [11.0, 20.0]], [(10, 0), (20, 1)], [0, 0], [1]),
        ([[10.0, 1e9], [11.0, np.nan], [12.0, 30.0]], [(10, 0), (30, 2)], [0, 0], [1, 1]),
        ([[52.0, 1e9], [1.0, 1e8], [1.0, 1e7]], [(52, 0), (1e7, 2)], [0, 2], [1, 1]),
    ],
)
def test_a_badly_trained_member_is_trained_again_and_no_other(
    members, monkeypatch, tmp_path, ends, kept, failed, asked
):
    """Losses without a latent of 50 and 54; a fresh network's is 50."""
    two, told = jax.tree.map(lambda leaf: leaf[:2], members), []

    def fits(programs, settings, epochs, folder, on_epoch):
        (start,) = set(np.asarray(settings.start).tolist())
        return [outcome(loss, start, failed_epoch=int(np.isnan(loss))) for loss in ends[start]]

    monkeypatch.setattr(fit, "fit", fits)
    nothing = np.array([[50.0, 54.0]] * 2)
    got = fit.fit_soundly(
        Programs.__new__(Programs),
        two,
        2,
        tmp_path,
        lambda *_: None,
        nothing,
        lambda place, _: told.append(place),
    )
    assert [(each.reconstruction[-1] + 1, each.start) for each in got] == kept
    assert [each.failed_epoch for each in got] == failed
    assert told == asked


def test_another_start_has_other_weights_and_the_same_order_and_noise(members, values, tmp_path):
    again = eqx.tree_at(lambda each: each.start, members, np.ones(4, np.int32))
    mesh = Placement(tuple(jax.devices()[:2]), "map").mesh(4)
    (programs,) = compiled(recipe(7), "map", [(members, Held(on_all(values, mesh)), mesh)])
    one, other = (programs.fresh(each) for each in (members, again))
    assert np.any(one.vae.encoder.hidden.weight != other.vae.encoder.hidden.weight)
    outcomes = fit.fit(programs, again, 1, tmp_path, lambda *_: None)
    assert [each.start for each in outcomes] == [1] * 4
