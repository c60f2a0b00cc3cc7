"""What training and measuring cost here: memory, FLOP, seconds, and reading from the disk."""

import math
import time
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import initial_vae
from latentsweep.study import Study
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import members_of, parameters
from latentsweep.training.orders import Recipe
from latentsweep.training.placement import Footprint, available, cores, fitting, holds
from latentsweep.training.supply import Supply

# A step takes about this multiple of its products' time at the machine's best rate, and never less
# than so many seconds, and an epoch so many more; measured on two cores.
_OF_FLOOR = 1.8
_LEAST_STEP = 8e-5
_EPOCH = 2e-3
_PANEL_SECONDS_AT_5000 = 20.0
_FIXED_SECONDS = 20.0
_COPIES_OF_ORDER = 6


def footprint(recipe: Recipe, data_bytes: int) -> Footprint:
    """The memory that training takes: counted, and checked against what XLA allots.

    A member has its parameters and two moments before and after an epoch, a gradient and what the
    compiler keeps besides, all in all 9.3 copies, and the order of the epoch; and three more while
    the next epoch is begun.

    Args:
        data_bytes: of the training split as stored.
    """
    order = recipe.steps_per_epoch * recipe.batch_size + 2 * recipe.apart
    return Footprint(data_bytes, int(4 * (_copies(recipe) * parameters(recipe.shape) + order)))


def streamed_footprint(recipe: Recipe, supply: Supply) -> Footprint:
    """The memory that training takes where its data is supplied in chunks.

    Of a chunk's examples there are three: trained on, on the way to the device, and being read. A
    member has a copy of its state besides, amid the epoch. The orders of an epoch are whole, and as
    they are drawn there are some copies of one.
    """
    sizes = supply.sizes(recipe.batch_size, recipe.steps_per_epoch)
    examples = max(sizes) * recipe.batch_size
    chunk = examples * supply.orders * supply.row_bytes
    orders = (supply.orders + _COPIES_OF_ORDER) * 4 * len(supply.indices)
    apart = 2 * recipe.apart * supply.orders * supply.row_bytes
    member = int(4 * _copies(recipe) * parameters(recipe.shape))
    return Footprint(3 * chunk + 2 * apart + orders, member)


def _copies(recipe: Recipe) -> float:
    """Copies of its weights that a member takes in training; of the best it has two or three."""
    return 12.3 + (3 if recipe.apart else 0)


def step_flop(shape: NetworkShape, batch: int) -> int:
    """Floating-point operations in the products of one training step of one network.

    Forward, weight gradients, and input gradients of every layer but the first.
    """
    encoder, decoder = forward_flop(shape)
    if shape.network != "dense":
        return 3 * batch * (encoder + decoder)
    first = shape.hidden[0] + shape.width * shape.path
    return batch * (3 * (encoder + decoder) - 2 * shape.features * first)


def forward_flop(shape: NetworkShape) -> tuple[int, int]:
    """Floating-point operations that encoding and decoding one example take.

    Those of a dense network's products, or what XLA counts of another.
    """
    if shape.network == "dense":
        outputs = shape.parameters_per_feature * shape.features
        inward, outward = (
            _products(count, shape.width) * shape.path for count in (shape.features, outputs)
        )
        encoder = _products(shape.features, *shape.hidden, 2 * shape.width)
        return encoder + inward, _products(outputs, *shape.hidden, shape.width) + outward
    vae = jax.eval_shape(lambda: initial_vae(jax.random.key(0), shape, jnp.ones(())))
    x, z = (jax.ShapeDtypeStruct((size,), jnp.float32) for size in (shape.features, shape.width))
    return _counted(vae.encoder, x), _counted(vae.decoder, z)


def _products(*sizes: int) -> int:
    return 2 * sum(one * other for one, other in pairwise(sizes))


def _counted(part: Any, x: jax.ShapeDtypeStruct) -> int:
    costs = jax.jit(lambda part, x: part(x)).lower(part, x).cost_analysis() or {}
    return int(costs.get("flops", 0))


def supply_of(experiment: Experiment, seeds: int, width: int) -> Supply | None:
    """The supply of the training split, None where it fits into memory beside a model.

    The numbers are the same either way.
    """
    placement = available()
    if holds(placement, footprint(experiment.recipe(width), experiment.train_bytes)):
        return None
    # Members that train side by side may be of all seeds, one for each device of at most so many.
    orders = min(seeds, len(placement.devices)) if placement.mapping == "map" else seeds
    values = experiment.dataset.values
    return Supply(values.reshape(len(values), -1), experiment.dataset.splits["train"], orders)


def training_footprint(experiment: Experiment, width: int, supply: Supply | None) -> Footprint:
    """The memory that training takes."""
    recipe = experiment.recipe(width)
    if supply is None:
        return footprint(recipe, experiment.train_bytes)
    return streamed_footprint(recipe, supply)


def seconds_to_read(experiment: Experiment, width: int, supply: Supply, members: int) -> float:
    """About how long reading takes while so many members train, by reading a few examples."""
    need = training_footprint(experiment, width, supply)
    placement, at_once = fitting(available(), need)
    passes = math.ceil(members / (len(placement.devices) * at_once))
    epochs = passes * (experiment.study.epochs + experiment.likelihood.shares)
    return epochs * supply.seconds_to_read(supply.orders * len(supply.indices))


def price(study: Study, recipe: Recipe, test_examples: int) -> float:
    """About how many seconds the whole run takes on this machine's processor."""
    members = len(members_of(study))
    drawn = min(study.projected_examples, test_examples)
    panel = _PANEL_SECONDS_AT_5000 * drawn / 5000 / cores()
    projected = members // len(study.seeds)
    one = price_of_network(study, recipe, test_examples)
    return members * one + projected * panel + _FIXED_SECONDS


def price_of_network(study: Study, recipe: Recipe, held_out: int) -> float:
    """About how many seconds training and measuring one network takes, all cores being busy."""
    rate, shape = product_rate(), recipe.shape
    step = seconds_of_step(shape, recipe.batch_size, rate)
    measuring = 2 * _OF_FLOOR * forward_flop(shape)[1] * study.draws * held_out / rate
    return (step * recipe.steps_per_epoch + _EPOCH) * study.epochs + measuring


def seconds_of_step(shape: NetworkShape, batch: int, rate: float) -> float:
    """About how long a training step of one network takes, by the products' FLOP a second."""
    return max(_OF_FLOOR * step_flop(shape, batch) / rate, _LEAST_STEP)


def product_rate(size: int = 1024) -> float:
    """This processor's float32 matrix products, in FLOP a second: the best of a few."""
    matrix = np.ones((size, size), np.float32)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        np.matmul(matrix, matrix)
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds)
