"""Trainings that are stopped: what is apart is not learned, and the best epoch is kept."""

import dataclasses
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_family import EXAMPLES, FEATURES, recipe, settings

from latentsweep.model import family
from latentsweep.model.principal import principal
from latentsweep.training import fit
from latentsweep.training.orders import Recipe, _parted, order_apart, order_of
from latentsweep.training.placement import Placement, on_all, over_members
from latentsweep.training.programs import compiled
from latentsweep.training.steps import initial_state, kept_best
from latentsweep.training.supply import Held, Supply

APART = 10
EPOCHS = 30


def stopped(width: int, patience: int = EPOCHS, **changes) -> Recipe:
    """Trainings of 40 examples that look at 10 others, at a rate that learns these by heart."""
    likelihood = changes.pop("likelihood", "bernoulli")
    plain = recipe(width, likelihood, learning_rate=0.05, **changes)
    return dataclasses.replace(plain, examples=EXAMPLES - APART, apart=APART, patience=patience)


def fitted(members, values, folder, parts, epochs=EPOCHS, data=Held, on_epoch=lambda *_: None):
    """The outcomes of members trained on two devices."""
    count = len(members.seed)
    mesh = Placement(tuple(jax.devices()[:2]), "map").mesh(count)
    supply = data(on_all(values, mesh)) if data is Held else data
    (programs,) = compiled(parts, "map", [(members, supply, mesh)])
    if parts.shape.path:
        components = principal(values / np.float32(255))
        programs = dataclasses.replace(programs, principals=lambda _: components)
    return fit.fit(programs, over_members(members, mesh), epochs, folder, on_epoch)


def alike(one, other):
    jax.tree.map(np.testing.assert_array_equal, one.vae, other.vae)
    np.testing.assert_array_equal(one.penalty, other.penalty)
    assert (one.kept_epoch, one.apart) == (other.kept_epoch, other.apart)


def begun(width: int) -> Recipe:
    """Trainings that begin as principal components."""
    parts = stopped(width, likelihood="gaussian")
    return dataclasses.replace(parts, shape=parts.shape._replace(path=True))


KINDS = {"random": stopped, "pca": begun}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(scope="module")
def outcomes(members, values, tmp_path_factory):
    return fitted(members, values, tmp_path_factory.mktemp("stopped"), stopped(7))


@pytest.fixture(scope="module")
def of_kind(kind, members, values, tmp_path_factory):
    return fitted(members, values, tmp_path_factory.mktemp("stopped"), kind(7))


@pytest.mark.parametrize("folds", [0, 5])
def test_what_is_apart_is_not_learned_and_all_else_is(folds):
    held_out = EXAMPLES // folds if folds else 0
    parts = dataclasses.replace(
        stopped(3), examples=EXAMPLES - held_out - APART, folds=folds, held_out=held_out
    )
    for seed in (0, 3):
        apart = set(order_apart(seed, parts).ravel().tolist())
        learned = set(order_of(seed, 1, parts).ravel().tolist())
        own = set(range(seed * held_out, (seed + 1) * held_out))
        assert len(apart) == APART
        assert not apart & learned
        assert apart | learned == set(range(EXAMPLES)) - own
    assert order_apart(0, stopped(3)).tolist() != order_apart(1, stopped(3)).tolist()


def test_the_weights_are_those_of_the_epoch_that_did_best(members, values, outcomes, tmp_path):
    """As a training of so many epochs leaves them, and no longer one is better."""
    for index in (1, 3):
        outcome = outcomes[index]
        assert 0 < outcome.kept_epoch < EPOCHS == len(outcome.penalty)
        alone = jax.tree.map(lambda leaf, i=index: leaf[i : i + 1], members)
        (ended,) = fitted(
            alone, values, tmp_path / str(index), stopped(7), epochs=outcome.kept_epoch
        )
        assert ended.kept_epoch == outcome.kept_epoch
        jax.tree.map(np.testing.assert_array_equal, ended.vae, outcome.vae)
        assert ended.apart == outcome.apart


def test_the_loss_apart_is_what_these_examples_lose(members, values, outcomes):
    """Measured again with noise of its own."""
    parts = stopped(7)
    member, vae = family.member(members, 1), outcomes[1].vae
    order = order_apart(int(member.seed), parts).ravel()[:APART]
    x = jnp.asarray(values[order] / np.float32(255))
    noise = jax.random.normal(jax.random.key(9), (400, APART, 7))
    loss = jax.vmap(lambda e: _loss(vae, x, e, member, parts))(noise)
    assert outcomes[1].apart == pytest.approx(float(loss.mean()), abs=4 * float(loss.std()))


@pytest.mark.parametrize(("gains", "epoch"), [(0.9, 0), (1.1, 5)])
def test_weights_are_kept_that_gain_more_than_chance_on_the_beginning(
    gains, epoch, members, values
):
    """By standard errors of what they gain on the examples apart."""
    parts = stopped(7, batch_size=APART)
    member, order = (
        family.member(members, 1),
        order_apart(int(family.member(members, 1).seed), parts),
    )

    def looked(state):
        return kept_best(state, member, jnp.asarray(order), 0, jnp.asarray(values), parts)

    first = looked(initial_state(member, parts))
    losses = first.best.begun
    assert first.best.loss == pytest.approx(float(losses.mean()), rel=1e-6)
    per_example = jnp.linspace(-1.0, 1.0, APART)
    per_example += gains * per_example.std() / APART**0.5
    before = dataclasses.replace(
        first.best, loss=first.best.loss + 0.01, begun=losses + per_example
    )
    later = dataclasses.replace(first, epoch=jnp.asarray(5), best=before)
    assert int(looked(later).best.epoch) == epoch


def test_what_stays_principal_components_has_their_noise(members, values, tmp_path):
    ended = fitted(members, values, tmp_path, begun(7), epochs=0)
    components = principal(values / np.float32(255))
    for index, outcome in enumerate(ended):
        size = int(members.latent_size[index])
        assert outcome.kept_epoch == 0
        assert outcome.shared == pytest.approx(components.noise(size), rel=1e-6)


def _loss(vae, x, noise, member, parts):
    from latentsweep.training.steps import batch_terms

    terms = batch_terms(vae, x, noise, member, parts)
    return terms.reconstruction + terms.penalty


def test_a_member_rests_once_its_patience_is_spent(members, values, tmp_path):
    got = fitted(members, values, tmp_path, stopped(7, patience=2))
    assert all(len(each.penalty) == each.kept_epoch + 2 for each in got)
    assert len({len(each.penalty) for each in got}) > 1  # some rest while others train


def test_it_rests_alone_as_beside_others(members, values, tmp_path):
    parts = stopped(7, patience=2)
    together = fitted(members, values, tmp_path / "all", parts)
    for index in (0, 3):
        alone = jax.tree.map(lambda leaf, i=index: leaf[i : i + 1], members)
        alike(together[index], *fitted(alone, values, tmp_path / str(index), parts))


@pytest.mark.parametrize("stop", [1, 29])
def test_an_interrupted_one_ends_with_the_same_bits(members, values, kind, of_kind, tmp_path, stop):
    def interrupted(epoch, _):
        if epoch == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(members, values, tmp_path, kind(7), on_epoch=interrupted)
    for one, other in zip(fitted(members, values, tmp_path, kind(7)), of_kind, strict=True):
        alike(one, other)


def test_a_member_of_a_family_is_the_member_alone(members, values, kind, of_kind, tmp_path):
    alone = jax.tree.map(lambda leaf: leaf[1:2], members)
    alike(of_kind[1], *fitted(alone, values, tmp_path / "wide", kind(7)))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_its_width_changes_nothing_but_rounding(members, values, kind, tmp_path):
    alone = jax.tree.map(lambda leaf: leaf[1:2], members)
    (narrow,) = fitted(alone, values, tmp_path / "narrow", kind(3), epochs=1)
    (wide,) = fitted(alone, values, tmp_path / "wide", kind(7), epochs=1)
    assert narrow.kept_epoch == wide.kept_epoch
    inside = family.unpadded(wide.vae, 3, kind(7).shape)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-3), inside, narrow.vae)


def test_data_that_is_supplied_gives_the_same(members, values, outcomes, tmp_path):
    supply = Supply(values, np.arange(EXAMPLES), 4)
    for one, other in zip(
        fitted(members, values, tmp_path, stopped(7), data=supply), outcomes, strict=True
    ):
        alike(one, other)


def test_a_network_that_nothing_improves_is_kept_as_it_began(members, values, tmp_path):
    parts = stopped(7, patience=3)
    (outcome,) = fitted(
        jax.tree.map(lambda leaf: leaf[:1], members),
        values,
        tmp_path,
        dataclasses.replace(parts, optimiser=dataclasses.replace(parts.optimiser, rate=_absurd)),
    )
    assert (outcome.kept_epoch, len(outcome.penalty)) == (0, 3)
    assert outcome.loss == outcome.first


@pytest.mark.parametrize("floor", [0.0, 0.05])
def test_the_loss_apart_of_a_beginning_is_that_of_the_components(members, values, tmp_path, floor):
    """Its variance is that of learned examples, and never below the rounding of the values."""
    parts = begun(7)
    absurd = dataclasses.replace(parts.optimiser, rate=_absurd)
    one = jax.tree.map(lambda leaf: leaf[1:2], members)
    one = eqx.tree_at(lambda m: m.rounding, one, np.full(1, floor, np.float32))
    (outcome,) = fitted(
        one, values, tmp_path, dataclasses.replace(parts, optimiser=absurd, patience=1)
    )
    x = values / np.float32(255)
    apart = _parted(1, parts)[0]
    model = principal(x)
    variance = max(model.noise(3), floor)
    exact = model.neg_log_prob(x[apart], 3).mean()
    if floor:  # its codes are those of the model, but its variance is not
        away = x[apart] - model.mean
        rest = np.square(away).sum(axis=1) - np.square(away @ model.axes[:, :3]).sum(axis=1)
        assert variance > model.noise(3)
        least = 0.5 * (rest.mean() / variance + FEATURES * np.log(2 * np.pi * variance))
        assert outcome.apart > least
        assert abs(outcome.apart - exact) > 0.5
    else:
        assert outcome.apart == pytest.approx(exact, abs=1.0)
    assert outcome.kept_epoch == 0


def test_binarised_examples_apart_are_binary(members, values, tmp_path):
    """Grey ones would lose their entropy at least; the draw is the same each time."""
    parts = dataclasses.replace(stopped(7, patience=1), binarised=True)
    absurd = dataclasses.replace(parts.optimiser, rate=_absurd)
    one, grey = (jax.tree.map(lambda leaf: leaf[1:2], members), np.full_like(values, 128))
    (fresh,) = fitted(one, grey, tmp_path / "grey", dataclasses.replace(parts, optimiser=absurd))
    assert fresh.kept_epoch == 0
    plain = dataclasses.replace(parts, optimiser=absurd, binarised=False)
    (other,) = fitted(one, grey, tmp_path / "plain", plain)
    assert fresh.apart != other.apart  # codes of zeros and ones are others than those of grey


def _absurd(step):
    return jnp.full(jnp.shape(step), 3.0)


def test_kernels_decay_by_the_epoch_s_rates_and_nothing_else_does(values):
    plain = recipe(3, learning_rate=0.01)
    adam = dataclasses.replace(plain.optimiser, weight_decay=0.5)
    decaying = dataclasses.replace(plain, shape=plain.shape._replace(path=True), optimiser=adam)
    state = jax.device_get(fit_initial(decaying))
    vae = jax.tree.map(jnp.ones_like, state.vae)
    moments = eqx.tree_at(lambda m: m.count, adam.initial(vae), jnp.int32(12))
    shrunk = adam.decayed(vae, moments, 7)
    share = np.exp(-0.5 * 7 * 0.01)
    for part, name in (("encoder", "hidden"), ("encoder", "heads"), ("decoder", "output")):
        layer = getattr(getattr(shrunk, part), name)
        np.testing.assert_allclose(layer.weight, share, rtol=1e-6)
        np.testing.assert_array_equal(layer.bias, 1)
    for path in (shrunk.encoder.path, shrunk.decoder.path):
        np.testing.assert_array_equal(path.weight, 1)


def fit_initial(parts: Recipe):
    from latentsweep.training.steps import initial_state

    return initial_state(settings(3), parts)
