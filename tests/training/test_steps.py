"""What one member's training is, and the family laws of a whole training."""

import dataclasses
import functools
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_family import EXAMPLES, FEATURES, orders, recipe, settings, train_epoch

from latentsweep.model import family
from latentsweep.model.family import unpadded
from latentsweep.training import steps
from latentsweep.training.cpu_kernel.dense_adam import exists
from latentsweep.training.orders import order_of
from latentsweep.training.steps import batch_terms, initial_state
from latentsweep.training.update import rule_of

FUSED = [False, pytest.param(True, marks=pytest.mark.skipif(not exists(), reason="no kernel"))]


@functools.cache
def programs(width, mapping, fused=False, **changes):
    """The compiled start and epoch of a member (mapping None) or of a family."""
    parts = dataclasses.replace(recipe(width, **changes), rule=rule_of(fused=fused))

    def epoch(states, members, order, values):
        one = lambda *each: train_epoch(*each, values, parts)  # noqa: E731
        return (family.each(one, mapping) if mapping else one)(states, members, order)

    initial = lambda member: initial_state(member, parts)  # noqa: E731
    return jax.jit(family.each(initial, mapping) if mapping else initial), jax.jit(epoch)


def trained(member, values, width, epochs, mapping=None, fused=False, **changes):
    """A member, or a family, after some epochs."""
    initial, epoch = programs(width, mapping, fused, **changes)
    state, parts = initial(member), recipe(width, **changes)
    for number in range(epochs):
        state, terms = epoch(state, member, orders(member, number, parts), jnp.asarray(values))
    return state, terms


def largest_difference(one, other):
    """Greatest difference between two trees, relative to the greatest number of each leaf."""
    pair = jax.device_get((one, other))
    ratios = jax.tree.map(lambda a, b: np.abs(a - b).max() / np.abs(b).max(), *pair)
    return np.max(jax.tree.leaves(ratios))  # NaN if any is


@pytest.mark.parametrize("mapping", ["map", "vmap"])
def test_a_member_alone_is_the_member_in_its_family_after_100_steps(members, values, mapping):
    with jax.enable_x64(True):
        several = jax.tree.map(
            lambda leaf: leaf.astype(float) if leaf.dtype.kind == "f" else leaf, members
        )
        together, _ = trained(several, values, width=7, epochs=15, mapping=mapping)
        together, several = jax.device_get((together, several))
        for index, latent_size in enumerate((1, 3, 3)):  # the last is as wide as the family
            alone, _ = trained(family.member(several, index), values, latent_size, epochs=15)
            inside = unpadded(family.member(together.vae, index), latent_size, recipe(7).shape)
            assert jax.tree.leaves(inside)[0].dtype == jnp.float64
            assert largest_difference(inside, alone.vae) <= 1e-9


@pytest.mark.parametrize("fused", FUSED)
def test_padding_is_exactly_zero_after_training(members, values, fused):
    state, _ = trained(members, values, width=7, epochs=15, mapping="map", fused=fused)
    state = jax.device_get(state)
    moments = state.optimiser
    for tree in (state.vae, moments.mu, moments.nu):
        for index, latent_size in enumerate((1, 3, 3, 7)):
            one = family.member(tree, index)
            assert not np.any(one.encoder.heads.weight[..., latent_size:])
            assert not np.any(one.encoder.heads.bias[..., latent_size:])
            assert not np.any(one.decoder.hidden.weight[latent_size:])
            assert np.any(one.decoder.hidden.weight[latent_size - 1])


@pytest.mark.skipif(not exists(), reason="no kernel for this machine")
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_fused_kernel_trains_what_xla_trains(members, values, likelihood):
    fused, plain = (
        trained(members, values, 7, 3, "map", fused=fused, likelihood=likelihood)
        for fused in (True, False)
    )
    assert largest_difference(fused[0].vae, plain[0].vae) <= 1e-4
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5), fused[1], plain[1])
    assert jax.tree.structure(fused[0]) == jax.tree.structure(plain[0])


def test_one_step_in_float32_agrees_to_rounding(members, values):
    x = jnp.asarray(values[:8] / np.float32(255))
    noise = jax.random.normal(jax.random.key(0), (8, 7))
    member = family.member(members, 1)

    def after_one(width):
        state = initial_state(member, parts := recipe(width))
        carry = (state.vae, state.optimiser)
        rate = parts.optimiser.rates(state.optimiser, 1)[0]
        (vae, _), _ = steps.train_step(carry, (x, noise[:, :width]), rate, member, parts)
        return vae

    wide, alone = jax.device_get([jax.jit(after_one, static_argnums=0)(k) for k in (7, 3)])
    assert largest_difference(unpadded(wide, 3, recipe(7).shape), alone) <= 1e-5


@pytest.mark.parametrize("fused", FUSED)
def test_members_do_not_touch_each_other(members, values, fused):
    straight, _ = trained(members, values, width=7, epochs=2, mapping="map", fused=fused)
    order = jnp.array([2, 0, 3, 1])
    others = jax.tree.map(lambda leaf: leaf[order], members)
    shuffled, _ = trained(others, values, 7, 2, "map", fused=fused)
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a[order], b), straight.vae, shuffled.vae
    )


def test_a_training_lowers_the_loss(members, values):
    _, first = trained(members, values, width=7, epochs=1, mapping="map")
    _, last = trained(members, values, width=7, epochs=30, mapping="map")
    loss = [np.asarray(terms.reconstruction + terms.penalty) for terms in (first, last)]
    assert np.all(loss[1] < loss[0])


def test_every_example_is_visited_each_epoch_and_orders_differ():
    parts = recipe(3)
    drawn = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        order = order_of(seed, epoch, parts)
        assert order.shape == (7, 8)
        flat = order.ravel()
        assert sorted(flat[:EXAMPLES]) == list(range(EXAMPLES))
        np.testing.assert_array_equal(flat[EXAMPLES:], flat[:6])
        drawn.append(tuple(flat))
    assert len(set(drawn)) == 3


def test_noise_is_of_the_seed_the_epoch_and_the_step_and_of_nothing_else():
    parts = recipe(7)

    def noise(latent_size, seed, epoch, step):
        member = settings(latent_size, seed)
        state = eqx.tree_at(lambda s: s.epoch, initial_state(member, parts), jnp.int32(epoch))
        return np.asarray(steps._noise(state, member, jnp.int32(step), parts))

    np.testing.assert_array_equal(noise(2, 0, 1, 3), noise(5, 0, 1, 3))
    drawn = [noise(2, *at) for at in ((0, 1, 3), (1, 1, 3), (0, 3, 1), (0, 1, 2), (0, 0, 3))]
    assert len({each.tobytes() for each in drawn}) == len(drawn)


def test_a_training_is_the_same_in_however_many_chunks(members, values, monkeypatch):
    """Seven steps whose noise is drawn three at a time, as one chunk, and as two and five."""
    monkeypatch.setattr(steps, "_AT_ONCE", 3)
    member, parts = family.member(members, 1), dataclasses.replace(recipe(7), binarised=True)
    order, x = orders(member, 0, parts), jnp.asarray(values)
    state = initial_state(member, parts)
    whole = train_epoch(state, member, order, x, parts)
    none = jnp.zeros(parts.steps_per_epoch)
    amid = state, steps.Terms(none, none)
    amid = steps.train_chunk(amid, member, order[:2], 0, x, parts)
    parted = steps.train_last_chunk(state, amid, member, order[2:], 2, x, parts)
    assert largest_difference(parted[0].vae, whole[0].vae) < 1e-6
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5), parted[1], whole[1])


def test_terms_are_the_objective_written_out(values):
    member, parts = settings(3, objective="keras-blog"), recipe(3)
    vae = initial_state(member, parts).vae
    x = values[:8] / np.float32(255)
    noise = np.asarray(jax.random.normal(jax.random.key(0), (8, 3)))
    got = batch_terms(vae, jnp.asarray(x), jnp.asarray(noise), member, parts)
    w = lambda layer: (np.asarray(layer.weight), np.asarray(layer.bias))  # noqa: E731
    (w1, b1), (wh, bh) = w(vae.encoder.hidden), w(vae.encoder.heads)
    (w2, b2), (w3, b3) = w(vae.decoder.hidden), w(vae.decoder.output)
    hidden = np.maximum(x @ w1 + b1, 0)
    m, s = hidden @ wh[:, 0] + bh[0], hidden @ wh[:, 1] + bh[1]
    z = m + np.exp(s) * 0.1 * noise
    p = 1 / (1 + np.exp(-(np.maximum(z @ w2 + b2, 0) @ w3 + b3)))
    cross_entropy = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    penalty = -0.5 * (1 + s - m**2 - np.exp(s)).sum(axis=1).mean()
    assert float(got.reconstruction) == pytest.approx(cross_entropy, rel=1e-5)
    assert float(got.penalty) == pytest.approx(penalty, rel=1e-5)


def test_a_loss_weighs_its_terms_in_sums_or_in_means(values):
    """Of D = 12 features and 3 latent dimensions, with beta = 4."""
    x, noise = jnp.asarray(values[:8] / np.float32(255)), jnp.ones((8, 3))
    plain, parts = settings(3), recipe(3)
    vae = initial_state(plain, parts).vae
    losses = {}
    for weight, reduction in ((1.0, "sum"), (4.0, "sum"), (4.0, "mean")):
        objective = plain.objective.weighed(weight, reduction, FEATURES, 3)
        member = eqx.tree_at(lambda s: s.objective, plain, objective)
        terms = batch_terms(vae, x, noise, member, parts)
        losses[weight, reduction] = float(objective.loss(terms.reconstruction, terms.penalty))
        if weight == 1:
            reconstruction, penalty = float(terms.reconstruction), float(terms.penalty)
    assert losses[1, "sum"] == pytest.approx(reconstruction + penalty, rel=1e-6)
    assert losses[4, "sum"] == pytest.approx(reconstruction + 4 * penalty, rel=1e-6)
    assert losses[4, "mean"] == pytest.approx(reconstruction / 12 + 4 * penalty / 3, rel=1e-6)


def test_a_warm_up_weighs_the_penalty_by_the_epochs_done(values, monkeypatch):
    """Told by a step that learns nothing and has the weight for a term."""
    warm = eqx.tree_at(lambda s: s.kl_warm_up, settings(3), jnp.float32(1.5))
    weighed = eqx.tree_at(lambda s: s.objective.weight, warm, jnp.float32(4))
    seen = []

    def told(vae, x, noise, member, parts):
        jax.debug.callback(lambda weight: seen.append(float(weight)), member.objective.weight)
        return batch_terms(vae, x, noise, member, parts)

    monkeypatch.setattr(steps, "batch_terms", told)
    parts = dataclasses.replace(recipe(3), warmed=True)
    state = initial_state(weighed, parts)
    for number in range(2):
        order = orders(weighed, number, parts)
        state, _terms = train_epoch(state, weighed, order, jnp.asarray(values), parts)
    jax.effects_barrier()
    done = np.arange(1, 15) / 7  # batches of 8 from 50 examples: 7 steps an epoch
    np.testing.assert_allclose(sorted(seen), 4 * np.minimum(done / 1.5, 1), rtol=1e-6)


def test_members_without_a_warm_up_train_alike_beside_some_with(values):
    plain, beside = recipe(3), dataclasses.replace(recipe(3), warmed=True)
    member, order = settings(3), orders(settings(3), 0, plain)
    one, other = (
        train_epoch(initial_state(member, parts), member, order, jnp.asarray(values), parts)[0]
        for parts in (plain, beside)
    )
    assert largest_difference(one.vae, other.vae) < 1e-6


def test_binarised_training_sees_zeros_and_ones_drawn_anew(values, monkeypatch):
    """Told by a step that learns nothing and has the means of x and of x (1 - x) for terms."""
    parts, member = dataclasses.replace(recipe(3), binarised=True), settings(3)

    def step(carry, batch, rate, settings, recipe):
        x, _ = batch
        return carry, steps.Terms(jnp.mean(x), jnp.mean(x * (1 - x)))

    monkeypatch.setattr(steps, "train_step", step)
    order = orders(member, 0, parts)
    epoch = jax.jit(lambda state: train_epoch(state, member, order, jnp.asarray(values), parts))
    state, seen = initial_state(member, parts), []
    for _ in range(20):
        state, terms = epoch(state)
        assert float(terms.penalty) == 0
        seen.append(float(terms.reconstruction))
    assert len(set(seen)) > 10
    assert np.mean(seen) == pytest.approx(values.mean() / 255, abs=0.02)


def test_the_variance_of_a_gaussian_is_never_below_that_of_rounding(values):
    """The loss is that of the floor, in a step and in what is kept of the training."""
    parts, plain = recipe(3, "gaussian"), settings(3)
    floored = eqx.tree_at(lambda s: s.rounding, plain, jnp.float32(7))
    vae, noise = initial_state(plain, parts).vae, jnp.ones((8, 3))
    x = jnp.asarray(values[:8] / np.float32(255))
    free, bound = (batch_terms(vae, x, noise, each, parts) for each in (plain, floored))
    variance = np.exp(2 * free.reconstruction / FEATURES - 1) / (2 * np.pi)
    assert variance < 7
    expected = FEATURES / 2 * (variance / 7 + np.log(2 * np.pi * 7))
    assert float(bound.reconstruction) == pytest.approx(float(expected), rel=1e-5)
    order, state = orders(plain, 0, parts), initial_state(plain, parts)
    kept = steps.closed_form_chunk(state, floored, order, 0, jnp.asarray(values), parts)
    np.testing.assert_array_equal(kept, 7)


def test_a_gaussian_learns_the_noise_of_its_data():
    rng = np.random.default_rng(0)
    noise = 0.3 * rng.normal(size=(EXAMPLES, 12))
    data = 255 * (rng.normal(size=(EXAMPLES, 1)) @ rng.normal(size=(1, 12)) + noise)
    member, parts = settings(2), recipe(2, likelihood="gaussian", learning_rate=3e-3)
    state, _ = trained(
        member, data.astype(np.float32), 2, 300, likelihood="gaussian", learning_rate=3e-3
    )
    order, x = orders(member, 300, parts), jnp.asarray(data, jnp.float32)
    variances = steps.closed_form_chunk(state, member, order, 0, x, parts)
    assert variances.shape == (7,)
    assert float(variances.mean()) ** 0.5 == pytest.approx(0.3, rel=0.3)


def test_a_member_that_diverges_keeps_its_last_finite_state(values):
    parts = recipe(3)
    explode = dataclasses.replace(
        parts.optimiser, rate=lambda step: jnp.where(step < 8, 1e-3, 1e30)
    )
    parts = dataclasses.replace(parts, optimiser=explode)
    member = settings(3)
    order = orders(member, 0, parts)
    epoch = jax.jit(lambda state: train_epoch(state, member, order, jnp.asarray(values), parts))
    first, _ = epoch(initial_state(member, parts))
    dead, terms = epoch(first)
    still, _ = epoch(dead)
    assert bool(first.alive)
    assert not bool(dead.alive)
    assert not np.isfinite(float(terms.reconstruction))
    for later in (dead, still):
        assert int(later.epoch) == 1
        jax.tree.map(np.testing.assert_array_equal, later.vae, first.vae)


def test_sizes_and_objectives_share_one_compilation(values):
    parts = recipe(7)
    traces = []

    @jax.jit
    def epoch(state, member, order):
        traces.append(1)
        return train_epoch(state, member, order, jnp.asarray(values), parts)

    for member in (settings(1), settings(7, 3), settings(4, 1, "keras-blog")):
        epoch(initial_state(member, parts), member, orders(member, 0, parts))
    assert len(traces) == 1


def held_out_by(seed, folds=4):
    """A member that holds out a fold of the fifty examples, and the rows that are its fold."""
    size = EXAMPLES // folds
    parts = dataclasses.replace(
        recipe(3, "gaussian"), examples=EXAMPLES - size, folds=folds, held_out=size
    )
    return parts, np.arange(EXAMPLES)[seed % folds * size :][:size]


def test_a_member_never_sees_the_fold_of_its_seed_and_sees_all_else(values):
    parts, _ = held_out_by(0)
    run = jax.jit(lambda *each: train_epoch(initial_state(each[0], parts), *each, parts)[0])
    epoch = lambda member, x: run(member, orders(member, 0, parts), x)  # noqa: E731
    for seed in (0, 3, 6):
        _, own = held_out_by(seed)
        data = np.float32(values)
        plain = epoch(settings(2, seed), data)
        data[own] = np.nan
        same = epoch(settings(2, seed), data)
        assert plain.alive
        assert same.alive
        jax.tree.map(np.testing.assert_array_equal, plain.vae, same.vae)
        for edge in {own[0] - 1, (own[-1] + 1) % EXAMPLES, EXAMPLES - 1} - {-1}:
            data = np.float32(values)
            data[edge] = np.nan
            assert not epoch(settings(2, seed), data).alive


def test_every_epoch_visits_all_but_the_fold_and_folds_together_are_all():
    seen = []
    for seed in range(4):
        parts, own = held_out_by(seed)
        order = order_of(seed, 0, parts).ravel()
        assert sorted(set(order)) == sorted(set(range(EXAMPLES)) - set(own))
        seen.extend(own)
    assert sorted(seen) == list(range(48))  # the two that are left over are in no fold
