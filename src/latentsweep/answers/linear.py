"""Networks against the linear model of the same size: an answer is about data only if they win.

Networks that principal components beat, or equal, have not learned what is curved in the data, or
there is nothing: then the linear model is the shorter answer. For each size the difference

    d = mean over held-out examples of (a network's -ELBO - the linear model's -log p)

is paired, example by example, and averaged over seeds; seeds that hold out the same examples add
the variance of their means. A difference counts from delta on, the share of the gain that decides
sizes.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from latentsweep.answers.losses import Losses
from latentsweep.answers.recommendation import SHARE, Recommendation

_ONE_SIDED = 0.95


class Against(NamedTuple):
    """One size: the linear model's mean loss, how far networks are above it, and 95 % bounds."""

    latent_size: int
    linear: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Linear:
    """The linear model beside the networks: each size, its own answer, and who wins.

    `latent_size` is the smallest number of principal components that is within 1 % of what their
    best number gains, None where the linear models are no principal components.
    """

    sizes: tuple[Against, ...]
    latent_size: int | None
    wins: tuple[int, ...]
    loses: tuple[int, ...]


def beside(losses: Losses, found: Recommendation) -> Linear | None:
    """The linear model beside the networks; None where there is none."""
    if losses.linear is None:
        return None
    there = np.flatnonzero((~np.isnan(losses.linear[:, :, 0])).any(axis=1))
    if not len(there):
        return None
    sizes = tuple(_against(losses, int(place)) for place in there)
    curve = losses.linear_curve
    return Linear(
        sizes=sizes,
        latent_size=None if curve is None else _smallest(curve),
        wins=tuple(each.latent_size for each in sizes if each.high < -found.delta),
        loses=tuple(each.latent_size for each in sizes if each.low > found.delta),
    )


def linear_json(linear: Linear | None) -> dict[str, Any] | None:
    """The content of `linear` in answers.json (docs/formats.md)."""
    if linear is None:
        return None
    return {
        "latent_size": linear.latent_size,
        "wins": list(linear.wins),
        "loses": list(linear.loses),
        "sizes": [each._asdict() for each in linear.sizes],
    }


def _smallest(curve: np.ndarray) -> int:
    """The smallest size that is within 1 % of what the best gains over no dimension."""
    best = curve.min()
    return int(np.argmax(curve <= best + SHARE * (curve[0] - best)))


def _against(losses: Losses, place: int) -> Against:
    """One size against the linear model."""
    assert losses.linear is not None
    own = ~np.isnan(losses.linear[place, :, 0])
    differences = losses.values[place, own] - losses.linear[place, own]
    folds = losses.fold_of_seeds[own]
    each = np.concatenate([differences[folds == fold].mean(axis=0) for fold in np.unique(folds)])
    variance, freedom = each.var(ddof=1) / len(each), len(each) - 1.0
    seeds = differences.mean(axis=1)
    if losses.folds == 1 and len(seeds) > 1:
        of_seeds = seeds.var(ddof=1) / len(seeds)
        parts = np.array([variance, of_seeds])
        variance = parts.sum()
        freedom = variance**2 / (parts**2 / (freedom, len(seeds) - 1)).sum() if variance else 1.0
    reach = float(stdtrit(freedom, _ONE_SIDED) * np.sqrt(variance))
    mean = float(each.mean())
    linear = float(losses.linear[place, own].mean())
    return Against(losses.sizes[place], linear, mean, mean - reach, mean + reach)
