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
from latentsweep.language import _, ngettext

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
    best number gains.
    """

    sizes: tuple[Against, ...]
    latent_size: int
    wins: tuple[int, ...]
    loses: tuple[int, ...]


def beside(losses: Losses, found: Recommendation) -> Linear | None:
    """The linear model beside the networks; None where it has no closed form."""
    if losses.linear is None or losses.linear_curve is None:
        return None
    there = [place for place, size in enumerate(losses.sizes) if losses.present[place].any()]
    sizes = tuple(_against(losses, place) for place in there)
    return Linear(
        sizes=sizes,
        latent_size=_smallest(losses.linear_curve),
        wins=tuple(each.latent_size for each in sizes if each.high < -found.delta),
        loses=tuple(each.latent_size for each in sizes if each.low > found.delta),
    )


def linear_sentence(linear: Linear | None) -> str | None:
    """That a linear model does as well, where no network reliably beats it; None otherwise.

    Nor where that finds nothing to encode.
    """
    if linear is None or linear.wins or not linear.latent_size:
        return None
    words = ngettext(
        "A linear model does as well here: principal components, {count} by the same rule.",
        "A linear model does as well here: principal components, {count} of them by the same rule.",
        linear.latent_size,
    )
    return words.format(count=linear.latent_size)


def losing_sentence(linear: Linear | None) -> str | None:
    """Where networks are reliably behind the linear model; None where they are not."""
    if linear is None or not linear.loses:
        return None
    words = _(
        "Principal components of the same size beat these networks at {sizes}: what is said of "
        'such sizes is about the training, not the data. Remedy: init = "pca" with '
        "stopping_fraction = 0.1."
    )
    return words.format(sizes=", ".join(map(str, linear.loses)))


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
    own = losses.present[place]
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
