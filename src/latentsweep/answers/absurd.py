"""Losses that no mean survives, told apart from those that sizes are compared by.

A network that is sound on what it trained on may be absurd on a few examples that are like none of
it, and one whose training ran away on all. A mean, and any interval around it, then tells of those
alone. So what an example costs a network is looked at beside what it costs without a latent, which
grows with its distance from the data too (or, where that is not known, beside the best network):

    e = loss - loss without a latent

An example is absurd for a network if its e is above the network's median by 30 times as much as the
central 95 % of them vary (root mean square), and counts as if it were there. A network is absurd if
its mean, without what its seed adds to all sizes, is still above the loss without a latent by more
than all that there is to gain, or by more than that loss varies from example to example; where
another of its size is not, it is set apart, as one that failed.

Nothing of this happens where losses vary as losses do: of a normal e, 30 times that is 26 standard
deviations.

References:
    Huber & Ronchetti (2009), Robust Statistics, section 1.4, on what a mean breaks down under.
"""

import dataclasses
import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from latentsweep.answers.losses import Losses

_CENTRAL, _TIMES = 0.95, 30.0


class Apart(NamedTuple):
    """Losses that means survive, and what was told apart from them.

    `examples` are how many held-out examples are absurd for some network, `worst` the greatest loss
    of those; `networks` are the absurd ones by size and seed.
    """

    losses: Losses
    examples: int
    worst: float
    networks: tuple[tuple[int, int], ...]

    @property
    def nothing(self) -> bool:
        """Whether nothing was told apart."""
        return not (self.examples or self.networks)


def told_apart(losses: Losses) -> Apart:
    """The losses with what is absurd among them brought within reach, or left out."""
    without = _without_latent(losses)
    beside = _best(losses) if without is None else without[losses.fold_of_seeds]
    capped = losses.values.astype(np.float64)
    for place in zip(*losses.present.nonzero(), strict=True):
        capped[place] = _capped(capped[place], beside[place[1]])
    absurd = np.less(capped, losses.values)
    networks = _absurd_networks(losses, capped, without)
    worst = float(np.max(losses.values, initial=0.0, where=absurd))
    folds = losses.fold_of_seeds
    examples = sum(int(absurd[:, folds == fold].any(axis=(0, 1)).sum()) for fold in set(folds))
    names = tuple(
        (losses.sizes[k], losses.seeds[s]) for k, s in zip(*networks.nonzero(), strict=True)
    )
    capped[networks] = np.nan
    none = (
        without
        if without is None or losses.no_latent is None
        else without.reshape(losses.no_latent.shape)
    )
    kept = dataclasses.replace(losses, values=capped, no_latent=none)
    return Apart(kept, examples, worst, names)


def _without_latent(losses: Losses) -> Float[np.ndarray, "folds N"] | None:
    """The losses without a latent, an example that is absurd among them brought within reach."""
    if losses.no_latent is None:
        return None
    rows = np.reshape(losses.no_latent, (losses.folds, -1)).astype(np.float64)
    return np.array([_capped(row, np.zeros_like(row)) for row in rows])


def _best(losses: Losses) -> Float[np.ndarray, "seeds N"]:
    """The least loss that any network has on each example of a seed's."""
    folds = losses.fold_of_seeds
    least = {
        fold: np.nanmin(losses.values[:, folds == fold].reshape(-1, losses.values.shape[2]), axis=0)
        for fold in set(folds[losses.present.any(axis=0)].tolist())
    }
    nothing = np.full(losses.values.shape[2], np.nan)
    return np.array([least.get(fold, nothing) for fold in folds.tolist()])


def _without_seeds(means: Float[np.ndarray, "K seeds"]) -> Float[np.ndarray, "K seeds"]:
    """Means of networks without what each seed adds to the median size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a size, or a seed, of no networks
        away = means - np.nanmedian(means, axis=1, keepdims=True)
        return means - np.nan_to_num(np.nanmedian(away, axis=0))


def _capped(
    losses: Float[np.ndarray, " N"], beside: Float[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """A network's losses, absurd ones brought within reach of what they stand beside."""
    excess = losses - beside
    away = excess - np.median(excess)
    central = np.sort(np.abs(away))[: int(np.ceil(_CENTRAL * len(away)))]
    reach = _TIMES * np.sqrt(np.mean(central**2))
    if reach == 0 or away.max() <= reach:
        return losses
    return np.where(away > reach, beside + np.median(excess) + reach, losses)


def _absurd_networks(
    losses: Losses,
    capped: Float[np.ndarray, "K seeds N"],
    without: Float[np.ndarray, "folds N"] | None,
) -> Bool[np.ndarray, "K seeds"]:
    """Which networks are worse than none by more than there is to gain; never all of a size's."""
    means = _without_seeds(np.where(losses.present, capped.mean(axis=2), np.nan))
    means = np.where(losses.present, means, np.inf)
    best = means.min(axis=1)
    top = best[np.isfinite(best)].max() if without is None else without.mean()
    spread = np.nanstd(capped[np.unravel_index(means.argmin(), means.shape)])
    reach = max(top - means.min(), spread if without is None else without.std())
    found = losses.present & (means > top + reach)
    return found & (losses.present & ~found).any(axis=1, keepdims=True)
