"""How smoothly the decoder follows its latent.

A network of ReLU units is continuous whatever it has learned, so "near codes decode to near images"
says nothing until "near" has a unit. That of a latent space is the posterior's own spread: within
one sigma codes stand for the same example. So lengths are taken in sigmas, with the Jacobian J of
the decoded values, in the scaled unit, along u of z = mean + diag(sigma) u:

    energy      E ||J diag(sigma)||_F^2 / D    what one sigma of noise does to a value, squared
    stretch     E s_max(J diag(sigma))         the largest change a step of one sigma can make

at codes of test examples, and at midpoints of pairs of codes with the mean sigma of the two,
where nothing was learned from: a ratio of the stretches near 1 says that the way between is like
the ends.

Along a path from a code to a place half the spread of the codes away, decoded at 33 points,

    jump ratio = largest step / mean step      of the decoded images

is 1 for an even change and 32 for a sudden one. And over random pairs of codes the rank correlation
of their distance and that of their decoded images says whether farther means more different.

References:
    Karras et al. (2019), A Style-Based Generator Architecture, section 4.1 (path lengths).
    Shao, Kumar & Fletcher (2018), The Riemannian Geometry of Deep Generative Models, section 3.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import spearmanr

from latentsweep.model.trained import Trained

PLACES = 500
PATHS = 500
STEPS = 32
EVEN_UP_TO = 5.0  # jump ratios up to here count as even
_AT_ONCE = 20


class Regularity(NamedTuple):
    """What stands in the results; lengths in posterior standard deviations."""

    jacobian_energy: float
    jacobian_stretch: float
    midpoint_stretch: float
    path_even: float
    path_jump: float
    path_correlation: float


def regularity(
    trained: Trained,
    codes: Float[np.ndarray, "N K"],
    code_scales: Float[np.ndarray, "N K"],
    seed: int = 0,
) -> Regularity:
    """The decoder's smoothness around the codes of test examples.

    `path_even` is the share of paths whose jump ratio is at most 5, `path_jump` the 95th percentile
    of the ratio, `midpoint_stretch` the ratio of the stretches at midpoints and at codes.

    Args:
        codes: posterior means of the network's own latent dimensions.
        code_scales: their posterior standard deviations.
        seed: of the choice of places and of the paths' directions.
    """
    draws = np.random.default_rng(seed)
    first, second = (draws.permutation(len(codes))[:PLACES] for _ in range(2))
    energy, stretch = _at(trained, codes[first], code_scales[first])
    scales = (code_scales[first] + code_scales[second]) / 2
    _, between = _at(trained, midpoints(codes, first, second), scales)
    ratios = jump_ratio(_paths(trained, codes, draws))
    ends = _decoded(trained, _wide(trained, np.stack([codes[first], codes[second]], axis=1)))
    latent = np.linalg.norm(codes[first] - codes[second], axis=1)
    image = np.linalg.norm(np.diff(ends, axis=1)[:, 0], axis=1)
    return Regularity(
        jacobian_energy=float(energy.mean()),
        jacobian_stretch=float(stretch.mean()),
        midpoint_stretch=float(between.mean() / stretch.mean()) if stretch.mean() > 0 else np.nan,
        path_even=float(np.mean(ratios <= EVEN_UP_TO)),
        path_jump=float(np.quantile(ratios, 0.95)),
        path_correlation=_rank_correlation(latent, image),
    )


def midpoints(
    codes: Float[np.ndarray, "N K"], first: np.ndarray, second: np.ndarray
) -> Float[np.ndarray, "pairs K"]:
    """The codes halfway between those of two lists of examples."""
    return (codes[first] + codes[second]) / 2


def jump_ratio(path: Float[np.ndarray, "paths points D"]) -> Float[np.ndarray, " paths"]:
    """Largest over mean distance between neighbouring points of each path; 1 if nothing changes."""
    steps = np.linalg.norm(np.diff(path, axis=1), axis=-1)
    mean = steps.mean(axis=1)
    return np.divide(steps.max(axis=1), mean, out=np.ones_like(mean), where=mean != 0)


def _at(
    trained: Trained, codes: Float[np.ndarray, "N K"], scales: Float[np.ndarray, "N K"]
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, " N"]]:
    """||J diag(sigma)||_F^2 / D and s_max(J diag(sigma)) at codes."""
    return jax.device_get(_metric(trained, *(_wide(trained, each) for each in (codes, scales))))


def _paths(
    trained: Trained, codes: Float[np.ndarray, "N K"], draws: np.random.Generator
) -> Float[np.ndarray, "paths points D"]:
    """Decoded points of segments that leave a code in a random direction.

    They are half as long as the root mean square distance of the codes from their mean.
    """
    length = np.sqrt(codes.var(axis=0).sum()) / 2
    starts = codes[draws.permutation(len(codes))[:PATHS]]
    directions = draws.normal(size=starts.shape)
    directions *= length / np.linalg.norm(directions, axis=1, keepdims=True)
    even = np.linspace(0, 1, STEPS + 1)[:, None]
    points = starts[:, None] + even * directions[:, None]
    return np.asarray(_decoded(trained, _wide(trained, points.astype(np.float32))))


def _rank_correlation(
    one: Float[np.ndarray, " pairs"], other: Float[np.ndarray, " pairs"]
) -> float:
    """Spearman's; NaN if either is constant or not finite."""
    if np.ptp(one) > 0 and np.ptp(other) > 0:
        return float(spearmanr(one, other)[0])  # pyright: ignore[reportArgumentType]
    return np.nan


def _wide(trained: Trained, codes: np.ndarray) -> np.ndarray:
    """Codes [..., K] of the network's own dimensions, padded with zeros to its width."""
    missing = trained.width - codes.shape[-1]
    return np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, missing)])


@jax.jit
def _metric(
    trained: Trained, codes: Float[Array, "N K"], scales: Float[Array, "N K"]
) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    def one(place: tuple[Float[Array, " K"], Float[Array, " K"]]):
        code, scale = place
        pushed = jax.vmap(partial(_pushed, trained, code))(jnp.diag(scale))
        gram = pushed @ pushed.T
        energy = jnp.trace(gram) / pushed.shape[1]
        return energy, jnp.sqrt(jnp.maximum(jnp.linalg.eigvalsh(gram)[-1], 0))

    return jax.lax.map(one, (codes, scales), batch_size=_AT_ONCE)


def _pushed(
    trained: Trained, code: Float[Array, " K"], direction: Float[Array, " K"]
) -> Float[Array, " D"]:
    """J direction at a code."""
    return jax.jvp(trained.decoded, (code,), (direction,))[1]


@jax.jit
def _decoded(
    trained: Trained, paths: Float[Array, "paths points K"]
) -> Float[Array, "paths points D"]:
    return jax.lax.map(jax.vmap(trained.decoded), paths, batch_size=_AT_ONCE)
