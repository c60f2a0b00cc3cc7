"""A family of VAEs that differ in latent size is one array with a member axis in front.

Every leaf of a member gets an axis M; the latent axes are padded to the widest member and masked,
so that all sizes share one compiled program. Padding is exact (in real arithmetic): padded weights
begin at zero, the mask keeps them out of the code and of the penalty, so their gradients, and with
them Adam's moments and updates, are exactly zero.

This is the only file that knows how members are stacked.
"""

import enum
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from latentsweep.model.objective import Objective
from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import VAE, initial_vae

Mapping = Literal["map", "vmap"]


class Settings(eqx.Module):
    """What may differ between members: numbers, so that differing costs no compilation.

    `kl_warm_up` are the epochs over which the penalty's weight rises from 0; what a likelihood
    shares is at least `rounding`; `start` tells the beginnings of a seed apart.
    """

    seed: Int[Array, "*M"] | int
    latent_size: Int[Array, "*M"] | int
    objective: Objective
    kl_warm_up: Float[Array, "*M"] | float = 0.0
    rounding: Float[Array, "*M"] | float = 0.0
    start: Int[Array, "*M"] | int = 0

    def active(self, width: int) -> Float[Array, " K"]:
        """1 for the member's own latent dimensions, 0 for those that pad it to `width`."""
        return (jnp.arange(width) < self.latent_size).astype(float)

    def warmed(self, epoch: Float[Array, ""]) -> "Settings":
        """The settings of a step, the weight being min(1, epochs done by then / kl_warm_up)."""
        share = jnp.minimum(epoch / jnp.maximum(self.kl_warm_up, 1e-9), 1.0)
        weight = jnp.where(self.kl_warm_up > 0, share, 1.0) * self.objective.weight
        return eqx.tree_at(lambda settings: settings.objective.weight, self, weight)


class Stream(enum.IntEnum):
    """What randomness is for; each purpose has its own stream of a seed."""

    WEIGHTS = 0
    ORDER = 1
    NOISE = 2
    MEASURING = 3
    PIXELS = 4
    SAMPLING = 5
    STOPPING = 6


def stream(seed: Int[Array, ""] | int, purpose: Stream) -> Key[Array, ""]:
    """The random key of a seed for one purpose."""
    return jax.random.fold_in(jax.random.key(seed), purpose)


def initial_member(settings: Settings, shape: NetworkShape) -> VAE:
    """A member's fresh weights, padded to `shape.width` with zeros."""
    key = jax.random.fold_in(stream(settings.seed, Stream.WEIGHTS), settings.start)
    vae = initial_vae(key, shape, jnp.asarray(settings.latent_size, float))
    active = settings.active(shape.width)
    return _by_latent_axis(partial(_masked, active), vae, shape)


def unpadded(vae: VAE, latent_size: int, shape: NetworkShape) -> VAE:
    """A member without its padding: what training it alone would have given."""
    own = slice(latent_size)
    return _by_latent_axis(
        lambda leaf, axis: leaf if axis is None else leaf[(slice(None),) * axis + (own,)],
        vae,
        shape,
    )


def padded(vae: VAE, shape: NetworkShape) -> VAE:
    """A member padded with zeros to `shape.width`: what `unpadded` takes off again."""

    def widen(leaf: Array, axis: int | None) -> Array:
        if axis is None:
            return leaf
        missing = [
            (0, shape.width - leaf.shape[axis] if i == axis else 0) for i in range(leaf.ndim)
        ]
        return jnp.pad(leaf, missing)

    return _by_latent_axis(widen, vae, shape)


@lru_cache(maxsize=64)
def latent_axes(shape: NetworkShape) -> VAE:
    """Which axis of each weight is the latent one (None: none), found by asking for two widths.

    Returns:
        A VAE that holds axis numbers instead of arrays.
    """

    def of_width(width: int) -> VAE:
        wide = shape._replace(width=width)
        return jax.eval_shape(lambda: initial_vae(jax.random.key(0), wide, jnp.ones(())))

    one, two = of_width(1), of_width(2)
    return jax.tree.map(_differing_axis, one, two)


def stacked(members: Sequence[Any]) -> Any:
    """Members as one tree whose leaves have a member axis M in front."""
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *members)


def stacked_like(one: Any, members: int) -> Any:
    """The shapes and types of so many members stacked, by those of one of them."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((members, *leaf.shape), leaf.dtype), one)


def member(family: Any, index: int) -> Any:
    """One member of a stacked tree."""
    return jax.tree.map(lambda leaf: leaf[index], family)


def each(function: Callable[..., Any], mapping: Mapping) -> Callable[..., Any]:
    """`function` of one member as a function of a family.

    Its arguments are stacked trees. "map" takes members in turn (on a CPU a stack would leave the
    cache), "vmap" side by side (on an accelerator one member is too small to keep it busy).
    """
    if mapping == "vmap":
        return jax.vmap(function)
    return lambda *families: jax.lax.map(lambda members: function(*members), families)


def _by_latent_axis(function: Callable[..., Any], vae: VAE, shape: NetworkShape) -> VAE:
    """`function` of each weight and its latent axis; a network that is never padded as it is."""
    return jax.tree.map(function, vae, latent_axes(shape)) if shape.is_padded else vae


def _masked(active: Float[Array, " K"], leaf: Array, axis: int | None) -> Array:
    if axis is None:
        return leaf
    return leaf * jnp.expand_dims(active, [i for i in range(leaf.ndim) if i != axis])


def _differing_axis(one: jax.ShapeDtypeStruct, two: jax.ShapeDtypeStruct) -> int | None:
    differing = [i for i, (a, b) in enumerate(zip(one.shape, two.shape, strict=True)) if a != b]
    return differing[0] if differing else None
