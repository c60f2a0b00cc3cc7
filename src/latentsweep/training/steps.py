"""Pure functions that train one member: a state, a step, some steps as one `lax.scan`.

An epoch visits the training examples, with folds all but the member's own, in a fresh random order,
in batches; the last batch is filled up with the first examples of that order. The order is a
function of (seed, epoch), the noise of (seed, epoch, step), so that a training is the same in
however many parts its steps are taken.

A training that is stopped sets some of a seed's examples apart. The loss of these, with what the
likelihood shares by some that are learned, is looked at before the first epoch and after each: the
weights of least such loss are kept, but for those that gain no more on the beginning than chance
would, and a member that finds none better for some epochs rests.
"""

import dataclasses
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, Num

from latentsweep.model.family import Settings, Stream, initial_member, stream
from latentsweep.model.gaussian import column_noise
from latentsweep.model.precision import products_in
from latentsweep.model.vae import VAE, Forward, forward
from latentsweep.training.optimiser import Moments
from latentsweep.training.orders import Recipe, looked_at

_SURE = 1.0  # standard errors by which what is learned has to gain on the beginning
_AT_ONCE = 16  # steps whose noise is drawn together: a small network's step is as short as a draw


class Best(eqx.Module):
    """The weights of least loss on the examples apart, that loss, and the epochs done by then.

    `begun` is what each of these examples lost before the first epoch.
    """

    vae: VAE
    loss: Float[Array, "*M"]
    epoch: Int[Array, "*M"]
    begun: Float[Array, "*M apart"]


class State(eqx.Module):
    """Where a member's training stands after a number of epochs; `best` where it is stopped."""

    vae: VAE
    optimiser: Moments
    epoch: Int[Array, "*M"]
    alive: Bool[Array, "*M"]
    best: Best | None = None

    @property
    def progress(self) -> "Progress":
        """How far it is."""
        return Progress(self.alive, self.epoch, None if self.best is None else self.best.epoch)


class Progress(NamedTuple):
    """Whether a member is alive, the epochs done, and those done by its best weights, if any.

    On the host it is read without waiting for what the device was given after it.
    """

    alive: Bool[Array | np.ndarray, "*M"]
    epoch: Int[Array | np.ndarray, "*M"]
    best: Int[Array | np.ndarray, "*M"] | None

    def goes_on(self, patience: int) -> Bool[Array | np.ndarray, "*M"]:
        """Whether another epoch would change anything."""
        return self.alive if self.best is None else self.alive & (self.epoch - self.best < patience)


class Terms(eqx.Module):
    """The terms of a training loss, in nats per example; `Objective.loss` of them is minimised."""

    reconstruction: Float[Array, "*any"]
    penalty: Float[Array, "*any"]


def initial_state(settings: Settings, recipe: Recipe) -> State:
    """A member before its first step."""
    vae = initial_member(settings, recipe.shape)
    optimiser, none = recipe.optimiser.initial(vae), jnp.zeros((), int)
    begun = jnp.zeros(recipe.batches_apart * recipe.batch_size)
    best = Best(vae, jnp.array(jnp.inf), none, begun) if recipe.apart else None
    return State(vae, optimiser, none, jnp.ones((), bool), best)


def train_chunk(
    amid: tuple[State, Terms],
    settings: Settings,
    order: Int[Array, "steps B"],
    start: Int[Array, ""] | int,
    values: Num[Array, "rows D"],
    recipe: Recipe,
) -> tuple[State, Terms]:
    """A member some steps of an epoch later; `train_last_chunk` takes the epoch's last.

    Args:
        amid: the member amid its epoch, and the terms [T] of the epoch's steps, of which those done
            are filled in.
        order: indices of the rows of these steps, batch by batch.
        start: the number of the first of them in the epoch.
        values: the rows that they take, as stored; batches are scaled as they are taken.
    """
    (state, terms), steps = amid, len(order)
    at_once = min(_AT_ONCE, steps)

    def noise_from(place: Int[Array, ""]) -> Float[Array, "few B K"]:
        ahead = start + place + jnp.arange(at_once)
        return jax.vmap(lambda number: _noise(state, settings, number, recipe))(ahead)

    def step(carry, batch):
        (network, noise), (indices, rate, place) = carry, batch
        noise = jax.lax.cond(place % at_once == 0, noise_from, lambda _: noise, place)
        x = recipe.scale(values[indices], noise.dtype)
        if recipe.binarised:
            key = _key(Stream.PIXELS, state, settings, start + place)
            x = jax.random.bernoulli(key, x).astype(x.dtype)
        network, of_step = train_step(network, (x, noise[place % at_once]), rate, settings, recipe)
        return (network, noise), of_step

    batches = (order, recipe.optimiser.rates(state.optimiser, steps), jnp.arange(steps))
    undrawn = jnp.zeros((at_once, recipe.batch_size, recipe.shape.width))
    carry = ((state.vae, state.optimiser), undrawn)
    ((vae, optimiser), _), per_step = jax.lax.scan(step, carry, batches)
    filled = jax.tree.map(
        partial(jax.lax.dynamic_update_slice_in_dim, start_index=start, axis=0), terms, per_step
    )
    return dataclasses.replace(state, vae=vae, optimiser=optimiser), filled


def train_last_chunk(
    before: State,
    amid: tuple[State, Terms],
    settings: Settings,
    order: Int[Array, "steps B"],
    start: Int[Array, ""] | int,
    values: Num[Array, "rows D"],
    recipe: Recipe,
) -> tuple[State, Terms, Float[Array, ""]]:
    """A member after an epoch, the epoch's mean terms, and the loss of its first step in nats.

    A member whose loss or weights are no longer finite keeps the state it had before the epoch, and
    is dead from then on; one that rests keeps it too.

    Args:
        before: the member before the epoch.
        amid: and so on: as for `train_chunk`.
    """
    after, per_step = train_chunk(amid, settings, order, start, values, recipe)
    terms = jax.tree.map(jnp.mean, per_step)
    vae = recipe.optimiser.decayed(after.vae, after.optimiser, recipe.steps_per_epoch)
    goes_on = before.progress.goes_on(recipe.patience)
    leaves = jax.tree.leaves((terms, vae))
    finite = jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]).all()
    optimiser, epoch = after.optimiser, before.epoch + 1
    after = dataclasses.replace(before, vae=vae, optimiser=optimiser, epoch=epoch)
    kept = dataclasses.replace(before, alive=before.alive & (finite | ~goes_on))
    first = per_step.reconstruction[0] + per_step.penalty[0]
    stepped = jax.tree.map(lambda new, old: jnp.where(goes_on & finite, new, old), after, kept)
    return stepped, terms, first


def train_and_look(
    before: State,
    amid: tuple[State, Terms],
    settings: Settings,
    order: Int[Array, "steps B"],
    order_of_look: Int[Array, "look B"],
    start: Int[Array, ""] | int,
    values: Num[Array, "rows D"],
    values_of_look: Num[Array, "others D"],
    recipe: Recipe,
) -> tuple[State, Terms, Float[Array, ""]]:
    """`train_last_chunk`, and then `kept_best`: one program, since a small network's step is short.

    Args:
        before: and so on: as for these two.
    """
    after, terms, first = train_last_chunk(before, amid, settings, order, start, values, recipe)
    return kept_best(after, settings, order_of_look, 0, values_of_look, recipe), terms, first


def kept_best(
    state: State,
    settings: Settings,
    order: Int[Array, "steps B"],
    start: Int[Array, ""] | int,
    values: Num[Array, "rows D"],
    recipe: Recipe,
) -> State:
    """A member that has looked at the examples apart: its weights are its best if they are.

    The noise, and of binarised data the draw, is the same each time, so that what is compared are
    the weights.

    Args:
        order: that of `order_apart`, and so on.
    """
    likelihood, best, learned = recipe.likelihood, state.best, looked_at(recipe)
    assert best is not None

    def passed(batch: tuple[Int[Array, " B"], Int[Array, ""]]) -> tuple[Array, Forward]:
        indices, number = batch
        key = jax.random.fold_in(stream(settings.seed, Stream.STOPPING), number)
        noise = column_noise(key, indices.shape, recipe.shape.width)
        x = recipe.scale(values[indices], noise.dtype)
        if recipe.binarised:
            x = jax.random.bernoulli(jax.random.fold_in(key, Stream.PIXELS), x).astype(x.dtype)
        with products_in("float32"):  # a measurement
            return likelihood.target(x), _forward(state.vae, x, noise, settings, recipe)

    def best_shared(batch: tuple[Int[Array, " B"], Int[Array, ""]]) -> Float[Array, ""]:
        target, made = passed(batch)
        return jnp.maximum(likelihood.closed_form(target, made.parameters), settings.rounding)

    numbers = start + jnp.arange(len(order))
    shared = jnp.zeros(())
    if learned:
        shared = jnp.mean(jax.lax.map(best_shared, (order[:learned], numbers[:learned])))

    def losses_of(batch: tuple[Int[Array, " B"], Int[Array, ""]]) -> Float[Array, " B"]:
        target, made = passed(batch)
        logs = jax.vmap(likelihood.log_prob, in_axes=(0, 0, None))(target, made.parameters, shared)
        return made.penalty - logs

    losses = jnp.ravel(jax.lax.map(losses_of, (order[learned:], numbers[learned:])))
    loss, first = jnp.mean(losses), state.epoch == 0
    begun = jnp.where(first, losses, best.begun)
    best = dataclasses.replace(best, begun=begun)
    sure = jnp.mean(begun - losses) > _SURE * jnp.std(begun - losses) / recipe.apart**0.5
    here = Best(state.vae, loss, state.epoch, begun)
    # Never of a member that rests or is dead: its weights stay.
    better = (loss < best.loss) & (sure | first)
    best = jax.tree.map(lambda new, old: jnp.where(better, new, old), here, best)
    return dataclasses.replace(state, best=best)


def train_step(
    carry: tuple[VAE, Moments],
    batch: tuple[Float[Array, "B D"], Float[Array, "B K"]],
    rate: Float[Array, ""],
    settings: Settings,
    recipe: Recipe,
) -> tuple[tuple[VAE, Moments], Terms]:
    """One Adam step on one batch of scaled examples with their noise."""
    (_, optimiser), (x, noise) = carry, batch
    if recipe.warmed:
        settings = settings.warmed((optimiser.count + 1) / recipe.steps_per_epoch)

    def loss(vae: VAE) -> tuple[Float[Array, ""], Terms]:
        terms = batch_terms(vae, x, noise, settings, recipe)
        return settings.objective.loss(terms.reconstruction, terms.penalty), terms

    return recipe.rule.step(recipe.optimiser, loss, carry, rate, len(x))


def batch_terms(
    vae: VAE,
    x: Float[Array, "B D"],
    noise: Float[Array, "B K"],
    settings: Settings,
    recipe: Recipe,
) -> Terms:
    """The objective's terms, averaged over a batch of scaled examples."""
    likelihood = recipe.likelihood
    with products_in(recipe.products):
        passed = _forward(vae, x, noise, settings, recipe)
    target = likelihood.target(x)
    # The closed form is a minimum, where the gradient through it is zero.
    best = jnp.maximum(likelihood.closed_form(target, passed.parameters), settings.rounding)
    shared = jax.lax.stop_gradient(best)
    log_prob = jax.vmap(likelihood.log_prob, in_axes=(0, 0, None))
    reconstruction = -jnp.mean(log_prob(target, passed.parameters, shared))
    return Terms(reconstruction, jnp.mean(passed.penalty))


def closed_form_chunk(
    state: State,
    settings: Settings,
    order: Int[Array, "steps B"],
    start: Int[Array, ""] | int,
    values: Num[Array, "rows D"],
    recipe: Recipe,
) -> Float[Array, " steps"]:
    """What the likelihood shares between the examples of each batch, by the weights as they are.

    Args:
        order: indices of the rows of some steps of an epoch, and so on, as for `train_chunk`.
    """

    def of_batch(batch: tuple[Int[Array, " B"], Int[Array, ""]]) -> Float[Array, ""]:
        indices, number = batch
        noise = _noise(state, settings, number, recipe)
        x = recipe.scale(values[indices], noise.dtype)
        with products_in("float32"):  # a measurement
            passed = _forward(state.vae, x, noise, settings, recipe)
        best = recipe.likelihood.closed_form(recipe.likelihood.target(x), passed.parameters)
        return jnp.maximum(best, settings.rounding)

    return jax.lax.map(of_batch, (order, start + jnp.arange(len(order))))


def _forward(
    vae: VAE,
    x: Float[Array, "B D"],
    noise: Float[Array, "B K"],
    settings: Settings,
    recipe: Recipe,
) -> Forward:
    """What a batch gives, example by example."""
    active = settings.active(recipe.shape.width)

    def one(vae: VAE, x: Float[Array, " D"], noise: Float[Array, " K"]) -> Forward:
        return forward(vae, recipe.likelihood.encoder_input(x), noise, active, settings.objective)

    return jax.vmap(one, in_axes=(recipe.rule.example_axes(vae), 0, 0))(vae, x, noise)


def _noise(
    state: State, settings: Settings, step: Int[Array, ""], recipe: Recipe
) -> Float[Array, "B K"]:
    """Standard normal noise for the codes of a step of the epoch."""
    key = _key(Stream.NOISE, state, settings, step)
    return column_noise(key, (recipe.batch_size,), recipe.shape.width)


def _key(purpose: Stream, state: State, settings: Settings, step: Int[Array, ""]) -> Key[Array, ""]:
    """The random key of a step, by its epoch and its number there."""
    return jax.random.fold_in(jax.random.fold_in(stream(settings.seed, purpose), state.epoch), step)
