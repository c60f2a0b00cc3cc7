"""How many examples a search has the time to train on, and to measure its networks on."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from latentsweep.data.dataset import Dataset
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.study import Study
from latentsweep.training.cost import forward_flop, product_rate, seconds_of_step
from latentsweep.training.members import shape_of

_SHARE = 1 / 4  # of a budget, for measuring the networks of the first step
_OF_TRAINING = 1 / 2  # of it, for training them
_SPLITS = 2  # what sizes are compared on, and the test split
_OF_PRODUCTS = 4  # measuring takes about this multiple of its products' time
_LEAST = 2_000
_FEW = 10_000  # examples, which take no time worth an estimate


def sized(study: Study, dataset: Dataset, networks: int, budget: float) -> Dataset:
    """The data, of which no more is measured than takes a quarter of the budget.

    Args:
        networks: how many are trained first, with the study's layers.
        budget: seconds.
    """
    longest = max(len(indices) for indices in dataset.splits.values())
    if longest <= _FEW or dataset.most is not None:
        return dataset
    likelihood, width = LIKELIHOODS[dataset.likelihood], max(study.latent_sizes)
    flop = sum(forward_flop(shape_of(study, dataset.item_shape, likelihood, width)))
    seconds = _OF_PRODUCTS * study.draws * flop / product_rate()
    most = max(float(f"{_SHARE * budget / (networks * _SPLITS * seconds):.1g}"), _LEAST)
    return dataclasses.replace(dataset, most=int(most)) if most < longest else dataset


def trainable(study: Study, dataset: Dataset, networks: int, budget: float, least: int) -> int:
    """At most how many training examples take half of the budget in one epoch; 0 for all.

    Args:
        networks: how many are trained first, with the study's layers.
        budget: seconds.
        least: examples that a network has to see whatever the budget.
    """
    examples = len(dataset.splits["train"])
    if examples <= least or math.isinf(budget):
        return 0
    likelihood, width = LIKELIHOODS[dataset.likelihood], max(study.latent_sizes)
    shape = shape_of(study, dataset.item_shape, likelihood, width)
    step = seconds_of_step(shape, study.batch_size, product_rate())
    steps = _OF_TRAINING * budget / (networks * step)
    most = max(int(float(f"{steps * study.batch_size:.1g}")), least)
    return most if most < examples else 0


def as_measured(dataset: Dataset, said: Mapping[str, Any]) -> Dataset:
    """The data, as much of it measured as a run that has begun does.

    Args:
        said: what the run's manifest says of its data.
    """
    measured, splits = said.get("measured", {}), said["splits"]
    sampled = [count for name, count in measured.items() if count < splits[name]]
    return dataclasses.replace(dataset, most=max(sampled)) if sampled else dataset
