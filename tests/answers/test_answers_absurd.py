"""What is absurd among losses: told apart, said, and no part of the answer."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from latentsweep.answers import recommendation
from latentsweep.answers.absurd import told_apart
from latentsweep.answers.facts import apart_remarks
from latentsweep.answers.losses import Losses
from latentsweep.answers.noise import _alike, _squares
from latentsweep.answers.recommendation import USUAL, recommend
from latentsweep.show.words.remarks import remark_sentences

SIZES = (1, 2, 3, 4, 5, 6, 8, 16)
KNEE = 4


def sentences(found):
    return [each for told in apart_remarks(found, USUAL, "elbo") for each in remark_sentences(told)]


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch):
    monkeypatch.setattr(recommendation, "REPLICATES", 500)


def made(rng, *, seeds=3, examples=400, training=0.1):
    """Losses with a knee at 4; examples differ in how hard they are."""
    level = rng.gamma(4, 5, examples)
    gain = np.array([10.0 * min(size, KNEE) for size in SIZES])[:, None, None]
    values = 100 + level - gain + training * rng.normal(size=(len(SIZES), seeds, 1))
    values = values + rng.normal(size=(len(SIZES), seeds, examples))
    return Losses(SIZES, tuple(range(seeds)), values, 100 + level)


def changed(losses, place, add):
    values = losses.values.copy()
    values[place] += add
    return dataclasses.replace(losses, values=values)


@pytest.mark.parametrize("draw", [lambda r, n: r.normal(size=n), lambda r, n: r.gamma(1, 1, n)])
def test_losses_that_vary_as_losses_do_are_left_as_they_are(draw):
    rng = np.random.default_rng(0)
    losses = made(rng)
    losses = changed(losses, slice(None), 5 * draw(rng, losses.values.shape))
    found = told_apart(losses)
    assert found.nothing
    np.testing.assert_array_equal(found.losses.values, losses.values)
    assert recommend(losses).apart is None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("add", [1e4, 1e11])
def test_a_few_absurd_examples_change_no_answer(known, add):
    losses = made(np.random.default_rng(1))
    losses = losses if known else dataclasses.replace(losses, no_latent=None)
    sound = recommend(losses)
    assert (sound.latent_size, sound.low, sound.high) == (KNEE, KNEE, KNEE)
    bad = changed(losses, (1, 0, slice(7, 9)), add)
    bad = changed(bad, (4, 2, 7), add)
    found = recommend(bad)
    assert (found.latent_size, found.low, found.high) == (KNEE, KNEE, KNEE)
    assert (found.apart.examples, found.apart.networks) == (2, ())
    assert found.apart.worst == pytest.approx(bad.values.max())
    first, last = sentences(found)
    assert first.startswith("On 2 held-out examples some networks are absurd, with losses up to ")
    assert last.startswith(("By plain means, with all of that, the answer would be: ", "Plain "))
    assert (found.plain.latent_size == KNEE) == last.startswith("Plain means")


def test_a_network_that_ran_away_changes_no_answer_and_is_named():
    losses = made(np.random.default_rng(2))
    for size in (1, 4):  # of two dimensions, and of five
        bad = changed(losses, (size, 1), 1e11)
        found = recommend(bad)
        assert (found.latent_size, found.low, found.high) == (KNEE, KNEE, KNEE)
        assert found.apart.networks == ((SIZES[size], 1),)
        assert found.plain.status == "undecided" or found.plain.latent_size != KNEE or size == 1
        told = sentences(found)
        assert f"more than there is to gain: size {SIZES[size]} seed 1." in told[0]


def test_a_size_whose_every_network_is_absurd_keeps_them():
    losses = changed(made(np.random.default_rng(3)), 6, 1e6)
    assert told_apart(losses).networks == ()
    found = recommend(losses)
    assert found.latent_size == KNEE
    assert found.row(8).verdict == "too large"


def test_an_example_far_from_all_data_is_far_without_a_latent_too():
    """What its distance explains is no fault of any network, and rules no mean."""
    losses = made(np.random.default_rng(4))
    far = np.where(np.arange(400) == 5, 1e8, 0.0)
    values, none = losses.values + far, losses.no_latent + far
    found = recommend(dataclasses.replace(losses, values=values, no_latent=none))
    assert found.latent_size == KNEE


def test_folds_and_hits_are_looked_at_as_they_are():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(3, 4, 50))
    values[1, 3, 10] = 1e9
    folded = Losses((1, 2, 4), (0, 1, 2, 3), values, rng.normal(size=(2, 50)), folds=2)
    assert told_apart(folded).examples == 1
    hits = (rng.random((3, 4, 50)) < 0.01).astype(float)
    assert told_apart(Losses((1, 2, 4), (0, 1, 2, 3), hits)).nothing


def test_one_size_of_bad_trainings_lends_its_spread_to_no_other():
    rng = np.random.default_rng(6)
    losses = made(rng, seeds=4, examples=50, training=0.05)
    every = np.ones(len(SIZES), bool)
    again = np.zeros((10, losses.present.sum()))
    calm, alike = _alike(losses, every, again)
    assert alike.all()
    assert np.ptp(calm) == 0
    values = losses.values + np.where(np.arange(len(SIZES)) == 5, 8.0, 0.0)[:, None, None] * (
        rng.normal(size=(1, 4, 1))
    )
    spread, alike = _alike(dataclasses.replace(losses, values=values), every, again)
    assert np.flatnonzero(~alike).tolist() == [5]
    spread = spread.reshape(len(SIZES), 4)
    np.testing.assert_allclose(np.delete(spread, 5, axis=0), calm[0], rtol=0.3)
    assert spread[5].min() > 10 * calm[0]


def test_sizes_that_differ_alike_are_hardly_ever_told_apart():
    """At 0.1 % for all of them together."""
    told = 0
    for draw in range(300):
        rng = np.random.default_rng(draw)
        values = rng.normal(size=(6, 3, 1)) + np.zeros((1, 1, 2))
        losses = Losses((1, 2, 3, 4, 5, 6), (0, 1, 2), values)
        told += not _alike(losses, np.ones(6, bool), np.zeros((2, 18)))[1].all()
    assert stats.binom.sf(told - 1, 300, 1e-3) > 1e-3


def test_what_a_size_adds_to_the_squares_is_chi_square():
    """The ratio that is tested, of sizes alike, has the F distribution that is taken for it."""
    ratios = []
    for draw in range(400):
        rng = np.random.default_rng(1_000 + draw)
        losses = Losses((1, 2, 3, 4), (0, 1, 2), rng.normal(size=(4, 3, 2)) * [[[1.0, 1.0]]])
        whole, freedom = _squares(losses)
        rest, left = _squares(losses.of_sizes(np.arange(4) > 0))
        ratios.append((whole - rest) / (freedom - left) / (rest / left))
    assert stats.kstest(ratios, stats.f(freedom - left, left).cdf).pvalue > 1e-3
