"""A tiny family on made-up data."""

import jax
import jax.numpy as jnp
import numpy as np

from latentsweep.data.dataset import Scale
from latentsweep.model.family import Settings
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import NetworkShape
from latentsweep.study import load_study
from latentsweep.training.optimiser import adam
from latentsweep.training.orders import Recipe, order_of
from latentsweep.training.steps import Terms, train_last_chunk

EXAMPLES, FEATURES = 50, 12


def settings(latent_size: int, seed: int = 0, objective: str = "elbo") -> Settings:
    """One member."""
    numbers = jax.tree.map(lambda n: jnp.asarray(n, float), OBJECTIVES[objective])
    zeros = jnp.float32(0), jnp.float32(0), jnp.int32(0)
    return Settings(jnp.int32(seed), jnp.int32(latent_size), numbers, *zeros)


def recipe(width: int, likelihood: str = "bernoulli", **changes) -> Recipe:
    """A tiny network with the report's optimiser, batches of 8."""
    study = load_study("mnist").changed({"batch_size": 8, **changes})
    return Recipe(
        shape=NetworkShape((FEATURES,), 1, (16,), width),
        likelihood=LIKELIHOODS[likelihood],
        scale=Scale(0.0, 255.0),
        optimiser=adam(study, 70),
        batch_size=study.batch_size,
        examples=EXAMPLES,
        products=study.products,
    )


def orders(members: Settings, epoch: int, parts: Recipe) -> jax.Array:
    """The order of an epoch, of one member [T, B] or of a family [M, T, B]."""
    seeds = np.asarray(members.seed)
    found = [order_of(int(seed), epoch, parts) for seed in seeds.ravel()]
    return jnp.reshape(jnp.array(found), (*seeds.shape, parts.steps_per_epoch, parts.batch_size))


def train_epoch(state, member, order, values, parts):
    """A member after an epoch of one chunk, and its mean terms."""
    none = jnp.zeros(parts.steps_per_epoch)
    amid = state, Terms(none, none)
    return train_last_chunk(state, amid, member, order, 0, values, parts)[:2]
