"""Pure functions that train one member: a state, a step, an epoch of steps as one `lax.scan`.

An epoch visits the training examples, with folds all but the member's own, in a fresh random order,
in batches; the last batch is filled up with the first examples of that order. Order and noise are
functions of (seed, epoch), so a training that is interrupted between epochs goes on with the same
numbers.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num

from latentsweep.data.dataset import Scale
from latentsweep.model.family import Settings, Stream, initial_member, stream
from latentsweep.model.gaussian import column_noise
from latentsweep.model.likelihoods import Likelihood
from latentsweep.model.precision import products_in
from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import VAE, Forward, forward
from latentsweep.study import ProductPrecision
from latentsweep.training.factored import example_axes, factors, tapped
from latentsweep.training.optimiser import Adam, Moments


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What all members of a pass share; it fixes the compiled program.

    Each member trains on so many `examples`: all, or with `folds` all but the `held_out` that are a
    fold. `binarised` draws each value of a batch as 0 or 1; `warmed` says that the penalty's weight
    may rise over the first epochs; `fused` asks for the kernel that forms and spends the gradients
    of dense layers at once, on so many `threads`.
    """

    shape: NetworkShape
    likelihood: Likelihood
    scale: Scale
    optimiser: Adam
    batch_size: int
    examples: int
    products: ProductPrecision
    folds: int = 0
    held_out: int = 0
    binarised: bool = False
    warmed: bool = False
    fused: bool = False
    threads: int = 1

    @property
    def steps_per_epoch(self) -> int:
        """Batches that cover the training examples."""
        return -(-self.examples // self.batch_size)

    def wide(self, width: int) -> "Recipe":
        """The recipe of networks of this latent width."""
        return dataclasses.replace(self, shape=self.shape._replace(width=width))


class State(eqx.Module):
    """Where a member's training stands after a number of epochs."""

    vae: VAE
    optimiser: Moments
    epoch: Int[Array, "*M"]
    alive: Bool[Array, "*M"]


class Terms(eqx.Module):
    """The terms of a training loss, in nats per example; `Objective.loss` of them is minimised."""

    reconstruction: Float[Array, "*M"]
    penalty: Float[Array, "*M"]


def initial_state(settings: Settings, recipe: Recipe) -> State:
    """A member before its first step."""
    vae = initial_member(settings, recipe.shape)
    optimiser = recipe.optimiser.initial(vae)
    return State(vae, optimiser, jnp.zeros((), int), jnp.ones((), bool))


def train_epoch(
    state: State, settings: Settings, values: Num[Array, "N D"], recipe: Recipe
) -> tuple[State, Terms]:
    """A member after one more epoch, and the epoch's mean terms.

    A member whose loss or weights are no longer finite keeps the state it had before the epoch, and
    is dead from then on.

    Args:
        values: the training data as stored; batches are scaled as they are taken.
    """
    order = _order(state, settings, recipe)
    noise = _noise(state, settings, recipe)
    rates = recipe.optimiser.rates(state.optimiser, recipe.steps_per_epoch)
    pixels = _keys(state, settings, recipe) if recipe.binarised else None
    after, per_step = _stepped(state, settings, values, (order, noise, rates, pixels), recipe)
    return ended(state, after, per_step)


def train_chunk(
    state: State,
    settings: Settings,
    order: Int[Array, "T B"],
    start: Int[Array, ""],
    values: Num[Array, "rows D"],
    recipe: Recipe,
) -> tuple[State, Terms]:
    """A member amid an epoch, some steps later, and each step's terms; `ended` ends the epoch.

    Args:
        order: indices of the rows of these steps, batch by batch.
        start: the number of the first of them in the epoch.
        values: the rows that they take, as stored.
    """
    steps = len(order)
    noise = _noise(state, settings, recipe, start, steps)
    rates = recipe.optimiser.rates(state.optimiser, steps)
    pixels = None
    if recipe.binarised:
        keys = _keys(state, settings, recipe)
        pixels = jax.lax.dynamic_slice_in_dim(keys, start, steps)
    return _stepped(state, settings, values, (order, noise, rates, pixels), recipe)


def _stepped(
    state: State,
    settings: Settings,
    values: Num[Array, "rows D"],
    batches: tuple[Array, Array, Array, Array | None],
    recipe: Recipe,
) -> tuple[State, Terms]:
    """A member's weights and moments after steps, and each step's terms.

    Args:
        batches: of each step the rows, the noise, the learning rate, and the key of binary values.
    """
    carry = (state.vae, state.optimiser)

    def step(carry, batch):
        indices, batch_noise, rate, key = batch
        x = recipe.scale(values[indices], batch_noise.dtype)
        if key is not None:
            x = jax.random.bernoulli(key, x).astype(x.dtype)
        return train_step(carry, (x, batch_noise), rate, settings, recipe)

    (vae, optimiser), per_step = jax.lax.scan(step, carry, batches)
    return State(vae, optimiser, state.epoch, state.alive), per_step


def ended(state: State, after: State, per_step: Terms) -> tuple[State, Terms]:
    """A member after an epoch, and the epoch's mean terms.

    Args:
        state: before the epoch.
        after: with the weights and moments that its steps led to.
        per_step: the terms of each.
    """
    terms, vae = jax.tree.map(jnp.mean, per_step), after.vae
    alive = state.alive & _finite((terms, vae))
    after = State(vae, after.optimiser, state.epoch + 1, alive)
    before = eqx.tree_at(lambda s: s.alive, state, jnp.zeros((), bool))
    return jax.tree.map(lambda new, old: jnp.where(after.alive, new, old), after, before), terms


def train_step(
    carry: tuple[VAE, Moments],
    batch: tuple[Float[Array, "B D"], Float[Array, "B K"]],
    rate: Float[Array, ""],
    settings: Settings,
    recipe: Recipe,
) -> tuple[tuple[VAE, Moments], Terms]:
    """One Adam step on one batch of scaled examples with their noise."""
    (vae, optimiser), (x, noise) = carry, batch
    if recipe.warmed:
        settings = settings.warmed((optimiser.count + 1) / recipe.steps_per_epoch)

    def loss(vae: VAE) -> tuple[Float[Array, ""], Terms]:
        terms = batch_terms(vae, x, noise, settings, recipe)
        return settings.objective.loss(terms.reconstruction, terms.penalty), terms

    taken_at = tapped(vae, len(x)) if recipe.fused else vae
    gradient, terms = jax.grad(loss, has_aux=True)(taken_at)
    stepped = recipe.optimiser.step(vae, factors(gradient), optimiser, rate, recipe.threads)
    return stepped, terms


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
    shared = jax.lax.stop_gradient(likelihood.closed_form(target, passed.parameters))
    log_prob = jax.vmap(likelihood.log_prob, in_axes=(0, 0, None))
    reconstruction = -jnp.mean(log_prob(target, passed.parameters, shared))
    return Terms(reconstruction, jnp.mean(passed.penalty))


def closed_form(
    state: State, settings: Settings, values: Num[Array, "N D"], recipe: Recipe
) -> Float[Array, ""]:
    """What the likelihood shares between examples, over one more epoch: mean over its batches."""

    batches = (_order(state, settings, recipe), _noise(state, settings, recipe))
    return jnp.mean(_closed_forms(state, settings, values, batches, recipe))


def closed_form_chunk(
    state: State,
    settings: Settings,
    order: Int[Array, "T B"],
    start: Int[Array, ""],
    values: Num[Array, "rows D"],
    recipe: Recipe,
) -> Float[Array, " T"]:
    """The same of some of the epoch's batches, each for itself; arguments as for `train_chunk`."""
    batches = (order, _noise(state, settings, recipe, start, len(order)))
    return _closed_forms(state, settings, values, batches, recipe)


def _closed_forms(
    state: State,
    settings: Settings,
    values: Num[Array, "rows D"],
    batches: tuple[Int[Array, "T B"], Float[Array, "T B K"]],
    recipe: Recipe,
) -> Float[Array, " T"]:
    """What the likelihood shares between the examples of each batch."""

    def of_batch(batch: tuple[Int[Array, " B"], Float[Array, "B K"]]) -> Float[Array, ""]:
        indices, noise = batch
        x = recipe.scale(values[indices], noise.dtype)
        with products_in("float32"):  # a measurement
            passed = _forward(state.vae, x, noise, settings, recipe)
        return recipe.likelihood.closed_form(recipe.likelihood.target(x), passed.parameters)

    return jax.lax.map(of_batch, batches)


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

    return jax.vmap(one, in_axes=(example_axes(vae), 0, 0))(vae, x, noise)


def order_at(epoch: Int[Array, ""], settings: Settings, recipe: Recipe) -> Int[Array, "T B"]:
    """Indices of the training examples of an epoch, in the order in which they are taken."""
    state = eqx.tree_at(lambda s: s.epoch, initial_state(settings, recipe), epoch)
    return _order(state, settings, recipe)


def orders_alike(settings: Settings) -> tuple[Any, ...]:
    """What, beside the epoch, the order is a function of: members alike in it share one."""
    return (settings.seed,)


def _order(state: State, settings: Settings, recipe: Recipe) -> Int[Array, "T B"]:
    """Indices of the training examples, batch by batch."""
    key = jax.random.fold_in(stream(settings.seed, Stream.ORDER), state.epoch)
    shape = (recipe.steps_per_epoch, recipe.batch_size)
    order = jax.random.permutation(key, recipe.examples)
    return jnp.resize(_past_fold(order, settings, recipe), shape)


def _past_fold(places: Int[Array, " N"], settings: Settings, recipe: Recipe) -> Int[Array, " N"]:
    """The indices of places among the examples that are left without the member's own fold."""
    if not recipe.folds:
        return places
    start = settings.seed % recipe.folds * recipe.held_out
    return places + jnp.where(places >= start, recipe.held_out, 0)


def _noise(
    state: State,
    settings: Settings,
    recipe: Recipe,
    start: Int[Array, ""] | None = None,
    steps: int | None = None,
) -> Float[Array, "T B K"]:
    """Standard normal noise for every code of the epoch, or of some steps from `start` on."""
    key = jax.random.fold_in(stream(settings.seed, Stream.NOISE), state.epoch)
    rows = (steps or recipe.steps_per_epoch, recipe.batch_size)
    skipped = None if start is None else start * recipe.batch_size
    return column_noise(key, rows, recipe.shape.width, skipped)


def _keys(state: State, settings: Settings, recipe: Recipe) -> Key[Array, " T"]:
    """The random key of each step's binary values."""
    key = jax.random.fold_in(stream(settings.seed, Stream.PIXELS), state.epoch)
    return jax.random.split(key, recipe.steps_per_epoch)


def _finite(tree: object) -> Bool[Array, ""]:
    return jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]).all()
