"""All measurements of one trained network on one split, as the run folder keeps them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Num

from latentsweep.data.splits import SPLIT
from latentsweep.evaluation.bounds import (
    Measured,
    ablated,
    draw_noise,
    entropy_floor,
    measure,
    no_latent,
)
from latentsweep.evaluation.rate import (
    ACTIVE_ABOVE,
    active_units,
    effective_units,
    has_clean_gap,
    rho,
)
from latentsweep.evaluation.reconstruction import psnr
from latentsweep.evaluation.stationarity import largest, shift_and_stretch
from latentsweep.model.family import Stream, stream
from latentsweep.model.likelihoods import Bernoulli, Likelihood
from latentsweep.model.trained import Trained
from latentsweep.model.vae import sample_code

LINEAR = "linear"  # what is of the linear model beside a network
GRID_SIDE = 9
GRID_REACH = 2.0
_EXAMPLES_AT_ONCE = 64
_EXAMPLES_ON_DEVICE = 20_000


def measured(
    trained: Trained, values: Num[np.ndarray, "N D"], draws: int, split: str = SPLIT
) -> dict[str, np.ndarray]:
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
        "loss": all_of.loss,
        "reconstruction": all_of.reconstruction,
        "penalty": all_of.penalty,
        "rate": rate,
        "neg_elbo": all_of.reconstruction + rate,
        "reconstruction_of_mean": all_of.reconstruction_of_mean,
        "mse_of_mean": all_of.mse_of_mean,
        "mse_of_sample": all_of.mse_of_sample,
        "codes": codes,
        "code_scales": scales,
    }
    return {f"{split}/{name}": array for name, array in per_example.items()} | {
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
    means = {name: _mean(arrays[f"{SPLIT}/{name}"]) for name in _MEANS}
    shift, stretch = largest(np.stack([arrays["shift"], arrays["stretch"]]), arrays[_KL])
    with np.errstate(over="ignore", invalid="ignore"):
        variance = arrays[f"{SPLIT}/codes"].var(axis=0, dtype=np.float64)
    return {
        **means,
        "gap": means["neg_elbo"] - means["loss"],
        "excess_reconstruction": means["reconstruction"] - (entropy_floor or 0.0),
        "active_units": active_units(arrays["rho"]),
        "active_units_by_variance": active_units(variance),
        "active_units_by_kl": active_units(arrays[_KL]),
        "active_units_clear": has_clean_gap(arrays["rho"]),
        "effective_units": effective_units(arrays[_KL]),
        "shift": shift,
        "stretch": stretch,
    }


def picture_row(arrays: dict[str, np.ndarray], unit: float) -> dict[str, float]:
    """The columns of results.parquet that only images have: PSNR in decibels, SSIM.

    Args:
        unit: of scaled values, as a share of what is between black and white.
    """
    kinds = ("of_mean", "of_sample")
    errors = {kind: unit**2 * arrays[f"{SPLIT}/mse_{kind}"] for kind in kinds}
    return {f"psnr_{kind}": _mean(psnr(errors[kind])) for kind in kinds} | {
        f"ssim_{kind}": _mean(arrays[f"shown/ssim_{kind}"]) for kind in kinds
    }


_KL = "kl_per_dimension"
_MEANS = (
    "loss",
    "penalty",
    "neg_elbo",
    "reconstruction",
    "rate",
    "reconstruction_of_mean",
    "mse_of_mean",
    "mse_of_sample",
)


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64))


def stationarity(
    trained: Trained, train: Num[np.ndarray, "N D"]
) -> dict[str, Float[np.ndarray, " K"]]:
    """`shift` and `stretch` of each latent dimension over the stored training split."""
    codes, scales = encoded(trained, train)
    objective = trained.settings.objective
    derivatives = shift_and_stretch(codes, scales, float(objective.slope), float(objective.offset))
    return dict(zip(("shift", "stretch"), derivatives.astype(np.float32), strict=True))


def encoded(
    trained: Trained, values: Num[np.ndarray, "N D"]
) -> tuple[Float[np.ndarray, "N K"], Float[np.ndarray, "N K"]]:
    """Posterior means and standard deviations of stored values, of the network's own dimensions."""
    parts = [
        jax.device_get(_encoded(trained, values[start : start + _EXAMPLES_ON_DEVICE]))
        for start in range(0, len(values), _EXAMPLES_ON_DEVICE)
    ]
    own = slice(int(trained.settings.latent_size))
    codes, scales = (np.concatenate(both)[:, own] for both in zip(*parts, strict=True))
    return codes, scales


def ablation(
    trained: Trained,
    values: Num[np.ndarray, "N D"],
    arrays: dict[str, np.ndarray],
    draws: int,
) -> float:
    """What the reconstruction of stored values loses without its inactive units, in nats.

    Those are set to the prior's mean, 0, in the same draws; a unit that is called inactive carries
    nothing, so this is about 0, and exactly 0 where all are active.
    """
    inactive = arrays["rho"] <= ACTIVE_ABOVE
    if not inactive.any():
        return 0.0
    keep = np.ones(trained.width, np.float32)
    keep[: len(inactive)][inactive] = 0
    key = stream(trained.settings.seed, Stream.MEASURING)
    parts = [
        np.asarray(
            _kept(trained, key, values[start : start + _EXAMPLES_ON_DEVICE], start, draws, keep)
        )
        for start in range(0, len(values), _EXAMPLES_ON_DEVICE)
    ]
    return _mean(np.concatenate(parts)) - _mean(arrays[f"{SPLIT}/reconstruction"])


def decoded_sample(
    trained: Trained, values: Num[np.ndarray, "E D"], indices: Int[np.ndarray, " E"], draws: int
) -> Float[np.ndarray, "E D"]:
    """decode(z) of the first draw of stored values, in the scaled unit.

    Args:
        indices: the examples' places in the split, of which their noise is a function.
    """
    key = stream(trained.settings.seed, Stream.MEASURING)
    return np.asarray(_decoded_sample(trained, key, values, indices, draws))


def decoded_mean(trained: Trained, values: Num[np.ndarray, "E D"]) -> Float[np.ndarray, "E D"]:
    """decode(mean) of stored values, in the scaled unit."""
    return np.asarray(_decoded_mean(trained, values))


def grid_dimensions(kl_per_dimension: Float[np.ndarray, " K"]) -> tuple[int, int]:
    """The latent dimensions that are a grid's first and second coordinate; at least two are needed.

    Of two these are both, in their order; of more those of greatest KL, the greatest first.
    """
    if len(kl_per_dimension) == 2:
        return 0, 1
    first, second = np.argsort(-kl_per_dimension, kind="stable")[:2]
    return int(first), int(second)


def decoded_grid(
    trained: Trained, dimensions: tuple[int, int] = (0, 1)
) -> Float[np.ndarray, "side side D"]:
    """A plane of the latent space from (-2, -2) to (2, 2), decoded at 9 x 9 points.

    The first axis goes down the picture (second coordinate from 2 to -2), the second to the right.

    Args:
        dimensions: the latent dimensions that are the first and the second coordinate; all others
            are 0.
    """
    ticks = np.linspace(-GRID_REACH, GRID_REACH, GRID_SIDE)
    across, down = np.meshgrid(ticks, ticks[::-1])
    codes = np.zeros((GRID_SIDE**2, int(trained.settings.latent_size)), np.float32)
    codes[:, dimensions] = np.stack([across.ravel(), down.ravel()], axis=1)
    return decoded(trained, codes).reshape(GRID_SIDE, GRID_SIDE, -1)


def decoded(trained: Trained, codes: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N D"]:
    """The expected scaled data at codes of the network's own latent dimensions."""
    padding = [(0, 0), (0, trained.width - codes.shape[1])]
    return np.asarray(_decoded(trained, np.pad(codes, padding).astype(np.float32)))


def data_bounds(
    likelihood: Likelihood, train: Float[np.ndarray, "N D"], test: Float[np.ndarray, "N2 D"]
) -> dict[str, float | None]:
    """The yardsticks of scaled test examples: no_latent and, for a Bernoulli, entropy_floor."""
    grey = isinstance(likelihood, Bernoulli)
    return {
        "no_latent": _mean(no_latent_losses(likelihood, train, test)),
        "entropy_floor": float(jax.jit(entropy_floor)(test)) if grey else None,
    }


def no_latent_losses(
    likelihood: Likelihood, train: Float[np.ndarray, "N D"], held_out: Float[np.ndarray, "N2 D"]
) -> Float[np.ndarray, " N2"]:
    """Loss of each scaled held-out example without a latent code, in nats."""
    return np.asarray(jax.jit(partial(no_latent, likelihood))(train, held_out))


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


@partial(jax.jit, static_argnames="draws")
def _decoded_sample(
    trained: Trained,
    key: Key[Array, ""],
    values: Num[Array, "E D"],
    indices: Int[Array, " E"],
    draws: int,
) -> Float[Array, "E D"]:
    def one(index: Int[Array, ""]) -> Float[Array, " D"]:
        noise = draw_noise(key, indices[index], draws, trained.width)[0]
        code = trained.encoded(trained.scaled(values[index]))
        return trained.decoded(sample_code(*code, noise, trained.settings.objective))

    return _for_each(one, len(values))


@partial(jax.jit, static_argnames="draws")
def _kept(
    trained: Trained,
    key: Key[Array, ""],
    values: Num[Array, "N D"],
    start: Int[Array, ""] | int,
    draws: int,
    keep: Float[Array, " K"],
) -> Float[Array, " N"]:
    def one(index: Int[Array, ""]) -> Float[Array, ""]:
        noise = draw_noise(key, start + index, draws, trained.width)
        return ablated(trained, trained.scaled(values[index]), noise, keep)

    return _for_each(one, len(values))


@jax.jit
def _encoded(
    trained: Trained, values: Num[Array, "N D"]
) -> tuple[Float[Array, "N K"], Float[Array, "N K"]]:
    def one(index: Int[Array, ""]) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
        mean, log_scale = trained.encoded(trained.scaled(values[index]))
        return mean, jnp.exp(trained.settings.objective.log_sigma(log_scale))

    return _for_each(one, len(values))


@jax.jit
def _decoded(trained: Trained, codes: Float[Array, "N K"]) -> Float[Array, "N D"]:
    return _for_each(lambda index: trained.decoded(codes[index]), len(codes))


def _for_each(function: Callable[[Int[Array, ""]], Any], count: int) -> Any:
    """The function of 0 to count - 1, in batches of one size so that its body compiles once."""
    rounded = -(-count // _EXAMPLES_AT_ONCE) * _EXAMPLES_AT_ONCE
    indices = jnp.minimum(jnp.arange(rounded), count - 1)
    results = jax.lax.map(function, indices, batch_size=_EXAMPLES_AT_ONCE)
    return jax.tree.map(lambda leaf: leaf[:count], results)
