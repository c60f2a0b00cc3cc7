"""Pure functions that train one member: a state, a step, an epoch of steps as one `lax.scan`.

An epoch visits the training examples in a fresh random order, in batches; the last batch is filled
up with the first examples of that order. Order and noise are functions of (seed, epoch), so a
training that is interrupted between epochs goes on with the same numbers.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num

from latentsweep.data.dataset import Scale
from latentsweep.model.family import Settings, Stream, initial_member, stream
from latentsweep.model.gaussian import column_noise
from latentsweep.model.likelihoods import Likelihood
from latentsweep.model.network import NetworkShape
from latentsweep.model.precision import products_in
from latentsweep.model.vae import VAE, Forward, forward
from latentsweep.study import ProductPrecision
from latentsweep.training.factored import example_axes, factors, tapped
from latentsweep.training.optimiser import Adam, Moments


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What all members of a pass share; it fixes the compiled program.

    `binarised` draws each value of a batch as 0 or 1; `fused` asks for the kernel that forms and
    spends the gradients of dense layers at once, on so many `threads`.
    """

    shape: NetworkShape
    likelihood: Likelihood
    scale: Scale
    optimiser: Adam
    batch_size: int
    examples: int
    products: ProductPrecision
    binarised: bool = False
    fused: bool = False
    threads: int = 1

    @property
    def steps_per_epoch(self) -> int:
        """Batches that cover the training examples."""
        return -(-self.examples // self.batch_size)


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
    carry = (state.vae, state.optimiser)

    def step(carry, batch):
        indices, batch_noise, rate, key = batch
        x = recipe.scale(values[indices], batch_noise.dtype)
        if key is not None:
            x = jax.random.bernoulli(key, x).astype(x.dtype)
        return train_step(carry, (x, batch_noise), rate, settings, recipe)

    (vae, optimiser), per_step = jax.lax.scan(step, carry, (order, noise, rates, pixels))
    terms = jax.tree.map(jnp.mean, per_step)
    after = State(vae, optimiser, state.epoch + 1, state.alive & _finite((terms, vae)))
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

    def of_batch(batch: tuple[Int[Array, " B"], Float[Array, "B K"]]) -> Float[Array, ""]:
        indices, noise = batch
        x = recipe.scale(values[indices], noise.dtype)
        with products_in("float32"):  # a measurement
            passed = _forward(state.vae, x, noise, settings, recipe)
        return recipe.likelihood.closed_form(recipe.likelihood.target(x), passed.parameters)

    batches = (_order(state, settings, recipe), _noise(state, settings, recipe))
    return jnp.mean(jax.lax.map(of_batch, batches))


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


def _order(state: State, settings: Settings, recipe: Recipe) -> Int[Array, "T B"]:
    """Indices of the training examples, batch by batch."""
    key = jax.random.fold_in(stream(settings.seed, Stream.ORDER), state.epoch)
    shape = (recipe.steps_per_epoch, recipe.batch_size)
    return jnp.resize(jax.random.permutation(key, recipe.examples), shape)


def _noise(state: State, settings: Settings, recipe: Recipe) -> Float[Array, "T B K"]:
    """Standard normal noise for every code of the epoch."""
    key = jax.random.fold_in(stream(settings.seed, Stream.NOISE), state.epoch)
    rows = (recipe.steps_per_epoch, recipe.batch_size)
    return column_noise(key, rows, recipe.shape.width)


def _keys(state: State, settings: Settings, recipe: Recipe) -> Key[Array, " T"]:
    """The random key of each step's binary values."""
    key = jax.random.fold_in(stream(settings.seed, Stream.PIXELS), state.epoch)
    return jax.random.split(key, recipe.steps_per_epoch)


def _finite(tree: object) -> Bool[Array, ""]:
    return jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]).all()
