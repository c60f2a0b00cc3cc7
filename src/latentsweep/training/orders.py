"""The recipe of a pass, and the order in which its examples come: a function of (seed, epoch)."""

import dataclasses
import math

import numpy as np
from jaxtyping import Int

from latentsweep.data.dataset import Scale
from latentsweep.model.family import Stream
from latentsweep.model.likelihoods import Likelihood
from latentsweep.model.shape import NetworkShape
from latentsweep.study import ProductPrecision, Study
from latentsweep.training.optimiser import Adam, adam
from latentsweep.training.update import PLAIN, UpdateRule

_LEAST_APART, _MOST_APART = 10, 2_000
_LOOKED_AT = 8  # batches at least


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What all members of a pass share; it fixes the compiled program.

    Each member trains on so many `examples`: all, or with `folds` all but the `held_out` that are a
    fold, and but the `apart` on which it is stopped once `patience` epochs gained nothing there.
    `binarised` draws each value of a batch as 0 or 1; `warmed` says that the penalty's weight
    may rise over the first epochs; `rule` is how the loss changes the weights.
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
    apart: int = 0
    patience: int = 0
    binarised: bool = False
    warmed: bool = False
    rule: UpdateRule = PLAIN

    @property
    def steps_per_epoch(self) -> int:
        """Batches that cover the training examples."""
        return -(-self.examples // self.batch_size)

    @property
    def batches_apart(self) -> int:
        """Batches that cover the examples apart."""
        return -(-self.apart // self.batch_size)

    def wide(self, width: int) -> "Recipe":
        """The recipe of networks of this latent width."""
        return dataclasses.replace(self, shape=self.shape._replace(width=width))


def recipe_of(
    study: Study,
    shape: NetworkShape,
    likelihood: Likelihood,
    scale: Scale,
    examples: int,
    held_out: int = 0,
) -> Recipe:
    """The recipe of a study's networks.

    Args:
        examples: that are there for each to train on, those apart among them.
        held_out: how many of the training split each seed holds out as its fold.
    """
    apart = examples_apart(study, examples)
    learned = examples - apart
    return Recipe(
        shape=shape,
        likelihood=likelihood,
        scale=scale,
        optimiser=adam(study, study.epochs * math.ceil(learned / study.batch_size)),
        batch_size=study.batch_size,
        examples=learned,
        products=study.products,
        folds=study.validation_folds if held_out else 0,
        held_out=held_out,
        apart=apart,
        patience=study.patience if apart else 0,
        binarised=study.binarisation == "dynamic",
        warmed=any(study.kl_warm_up),
    )


def examples_apart(study: Study, examples: int) -> int:
    """How many of a network's training examples it is stopped on, if it is.

    They are 2,000 at most, and 10 at least or half of them all: fewer would tell nothing.
    """
    if not study.stopping_fraction:
        return 0
    least = min(_LEAST_APART, examples // 2)
    return max(least, min(round(study.stopping_fraction * examples), _MOST_APART, examples - 1))


def order_of(seed: int, epoch: int, recipe: Recipe) -> Int[np.ndarray, "T B"]:
    """Indices of the training examples of a seed's epoch, batch by batch."""
    draws = np.random.default_rng((seed, Stream.ORDER, epoch))
    places = draws.permutation(recipe.examples)
    if recipe.apart:
        places = _parted(seed, recipe)[1][places]
    order = _past_fold(places, seed, recipe)
    return np.resize(order, (recipe.steps_per_epoch, recipe.batch_size)).astype(np.int32)


def order_apart(seed: int, recipe: Recipe) -> Int[np.ndarray, "T B"]:
    """Indices of some examples that are learned, and of those that are apart, batch by batch."""
    order = _past_fold(_parted(seed, recipe)[0], seed, recipe)
    apart = np.resize(order, (recipe.batches_apart, recipe.batch_size))
    learned = order_of(seed, 0, recipe)[: looked_at(recipe)]
    return np.concatenate([learned, apart]).astype(np.int32)


def looked_at(recipe: Recipe) -> int:
    """How many batches of learned examples are looked at with those apart, if any."""
    enough = min(max(recipe.batches_apart, _LOOKED_AT), recipe.steps_per_epoch)
    return enough if recipe.likelihood.shares else 0


def _parted(
    seed: int, recipe: Recipe
) -> tuple[Int[np.ndarray, " apart"], Int[np.ndarray, " examples"]]:
    """The places of the examples that are apart, and of the others, among those of a seed."""
    draws = np.random.default_rng((seed, Stream.STOPPING))
    places = draws.permutation(recipe.apart + recipe.examples)
    return np.sort(places[: recipe.apart]), np.sort(places[recipe.apart :])


def _past_fold(places: Int[np.ndarray, " N"], seed: int, recipe: Recipe) -> Int[np.ndarray, " N"]:
    """The indices of places among the examples that are left without the seed's own fold."""
    if not recipe.folds:
        return places
    start = seed % recipe.folds * recipe.held_out
    return np.where(places >= start, places + recipe.held_out, places)
