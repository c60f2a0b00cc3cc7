"""All measurements of one trained network on one split, as the run folder keeps them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Num

from latentsweep.data.dataset import Dataset
from latentsweep.evaluation.bounds import Measured, draw_noise, entropy_floor, measure, no_latent
from latentsweep.evaluation.rate import active_units, effective_units, has_clean_gap, rho
from latentsweep.model.family import Stream, stream
from latentsweep.model.likelihoods import Bernoulli, Likelihood
from latentsweep.model.trained import Trained

SPLIT = "test"
GRID_SIDE = 9
GRID_REACH = 2.0
_EXAMPLES_AT_ONCE = 64
_EXAMPLES_ON_DEVICE = 20_000


def measured(trained: Trained, values: Num[np.ndarray, "N D"], draws: int) -> dict[str, np.ndarray]:
    """Per-example terms, codes and KL per dimension of a split's stored values; docs/formats.md."""
    parts = [
        _measured_block(trained, values[start : start + _EXAMPLES_ON_DEVICE], start, draws)
        for start in range(0, len(values), _EXAMPLES_ON_DEVICE)
    ]
    all_of = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    own = slice(int(trained.settings.latent_size))
    codes, scales = all_of.codes[:, own], all_of.code_scales[:, own]
    rates = all_of.rate_per_dimension[:, own]
    rate = rates.sum(axis=1)
    per_example = {
        "loss": all_of.reconstruction + all_of.penalty,
        "reconstruction": all_of.reconstruction,
        "penalty": all_of.penalty,
        "rate": rate,
        "neg_elbo": all_of.reconstruction + rate,
        "reconstruction_of_mean": all_of.reconstruction_of_mean,
        "mse_of_mean": all_of.mse_of_mean,
        "codes": codes,
        "code_scales": scales,
    }
    return {f"{SPLIT}/{name}": array for name, array in per_example.items()} | {
        "kl_per_dimension": rates.mean(axis=0, dtype=np.float64),
        "rho": rho(codes, scales),
    }


def summary_row(
    arrays: dict[str, np.ndarray], entropy_floor: float | None
) -> dict[str, float | int | bool]:
    """The means of a network's measurements: its columns of results.parquet.

    Args:
        entropy_floor: what a reconstruction can't go below, where there is such a floor.
    """
    names = (
        "loss",
        "penalty",
        "neg_elbo",
        "reconstruction",
        "rate",
        "reconstruction_of_mean",
        "mse_of_mean",
    )
    means = {name: float(arrays[f"{SPLIT}/{name}"].mean(dtype=np.float64)) for name in names}
    with np.errstate(over="ignore", invalid="ignore"):
        variance = arrays[f"{SPLIT}/codes"].var(axis=0, dtype=np.float64)
    return {
        **means,
        "gap": means["neg_elbo"] - means["loss"],
        "excess_reconstruction": means["reconstruction"] - (entropy_floor or 0.0),
        "active_units": active_units(arrays["rho"]),
        "active_units_by_variance": active_units(variance),
        "active_units_by_kl": active_units(arrays["kl_per_dimension"]),
        "active_units_clear": has_clean_gap(arrays["rho"]),
        "effective_units": effective_units(arrays["kl_per_dimension"]),
    }


def decoded_mean(trained: Trained, values: Num[np.ndarray, "E D"]) -> Float[np.ndarray, "E D"]:
    """decode(mean) of stored values, in the scaled unit."""
    return np.asarray(_decoded_mean(trained, values))


def decoded_grid(trained: Trained) -> Float[np.ndarray, "side side D"]:
    """The plane of a two-dimensional latent from (-2, -2) to (2, 2), decoded at 9 x 9 points.

    The first axis goes down the picture (second coordinate from 2 to -2), the second to the right.
    """
    ticks = np.linspace(-GRID_REACH, GRID_REACH, GRID_SIDE)
    across, down = np.meshgrid(ticks, ticks[::-1])
    codes = np.zeros((GRID_SIDE**2, trained.width), np.float32)
    codes[:, :2] = np.stack([across, down], axis=-1).reshape(-1, 2)
    return np.asarray(_decoded(trained, codes)).reshape(GRID_SIDE, GRID_SIDE, -1)


def data_bounds(dataset: Dataset, likelihood: Likelihood) -> dict[str, float | None]:
    """The yardsticks of a data set's test split: no_latent and, for a Bernoulli, entropy_floor."""
    train, test = (_scaled(dataset, split) for split in ("train", SPLIT))
    grey = isinstance(likelihood, Bernoulli)
    return {
        "no_latent": float(jax.jit(partial(no_latent, likelihood))(train, test)),
        "entropy_floor": float(jax.jit(entropy_floor)(test)) if grey else None,
    }


def _scaled(dataset: Dataset, split: str) -> Float[Array, "N D"]:
    values = dataset.values[dataset.splits[split]].reshape(-1, dataset.features)
    return jnp.asarray(dataset.scale(values, np.float32))


def _measured_block(
    trained: Trained, values: Num[np.ndarray, "N D"], start: int, draws: int
) -> Measured:
    key = stream(trained.settings.seed, Stream.MEASURING)
    return jax.device_get(_measure_all(trained, key, values, start, draws))


@partial(jax.jit, static_argnames="draws")
def _measure_all(
    trained: Trained,
    key: Key[Array, ""],
    values: Num[Array, "N D"],
    start: Int[Array, ""] | int,
    draws: int,
) -> Measured:
    def one(index: Int[Array, ""]) -> Measured:
        noise = draw_noise(key, start + index, draws, trained.width)
        return measure(trained, trained.scaled(values[index]), noise)

    return _for_each(one, len(values))


@jax.jit
def _decoded_mean(trained: Trained, values: Num[Array, "E D"]) -> Float[Array, "E D"]:
    def one(index: Int[Array, ""]) -> Float[Array, " D"]:
        mean, _ = trained.encoded(trained.scaled(values[index]))
        return trained.decoded(mean)

    return _for_each(one, len(values))


@jax.jit
def _decoded(trained: Trained, codes: Float[Array, "N K"]) -> Float[Array, "N D"]:
    return jax.vmap(trained.decoded)(codes)


def _for_each(function: Callable[[Int[Array, ""]], Any], count: int) -> Any:
    """The function of 0 to count - 1, in batches of one size so that its body compiles once."""
    rounded = -(-count // _EXAMPLES_AT_ONCE) * _EXAMPLES_AT_ONCE
    indices = jnp.minimum(jnp.arange(rounded), count - 1)
    results = jax.lax.map(function, indices, batch_size=_EXAMPLES_AT_ONCE)
    return jax.tree.map(lambda leaf: leaf[:count], results)
