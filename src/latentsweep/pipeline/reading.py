"""Whether training data is held in memory or read from the disk as it trains, and what that costs.

The numbers are the same either way.
"""

import math

from latentsweep.pipeline.plan import footprint, streamed_footprint
from latentsweep.pipeline.work import Work
from latentsweep.training.placement import Footprint, available, fitting, holds
from latentsweep.training.supply import Supply


def supply_of(work: Work) -> Supply | None:
    """The supply of the training split, None where it fits into memory beside a model."""
    placement, whole = available(), footprint(work.recipe(), work.train_bytes)
    if holds(placement, whole):
        return None
    seeds = len({member.seed for member in work.members})
    # Members that train side by side may be of all seeds, one for each device of at most so many.
    orders = min(seeds, len(placement.devices)) if placement.mapping == "map" else seeds
    values = work.dataset.values
    return Supply(values.reshape(len(values), -1), work.dataset.splits["train"], orders)


def training_footprint(work: Work, supply: Supply | None) -> Footprint:
    """The memory that training takes."""
    recipe = work.recipe()
    if supply is None:
        return footprint(recipe, work.train_bytes)
    return streamed_footprint(recipe, supply)


def seconds_to_read(work: Work, supply: Supply, members: int) -> float:
    """About how long reading takes while so many members train, by reading a few examples."""
    placement, at_once = fitting(available(), training_footprint(work, supply))
    passes = math.ceil(members / (len(placement.devices) * at_once))
    epochs = passes * (work.study.epochs + work.likelihood.shares)
    return epochs * supply.seconds_to_read(supply.orders * len(supply.indices))
