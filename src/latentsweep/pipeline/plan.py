"""What a study will do, before it does it: its members, its passes, and what they cost here."""

import dataclasses
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from latentsweep.errors import RunFolderError
from latentsweep.model.family import Mapping, Settings
from latentsweep.model.likelihoods import LIKELIHOODS, Likelihood
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.own import fingerprint
from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import initial_vae
from latentsweep.record import atomic
from latentsweep.record.folder import RunFolder
from latentsweep.record.reading import read_json
from latentsweep.record.schema import Plan
from latentsweep.study import Study
from latentsweep.training.kernel import dense_adam
from latentsweep.training.orders import Recipe
from latentsweep.training.placement import Footprint, Placement, cores, pass_sizes
from latentsweep.training.supply import Supply

# A step takes about this multiple of its products' time at the machine's best rate, and never less
# than so many seconds, and an epoch so many more; measured on two cores.
_OF_FLOOR = 1.8
_LEAST_STEP = 8e-5
_EPOCH = 2e-3
_PANEL_SECONDS_AT_5000 = 20.0
_FIXED_SECONDS = 20.0
_COPIES_OF_ORDER = 6
_LEAST_APART, _MOST_APART = 10, 2_000


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of the family; its objective is a variant's name."""

    objective: str
    latent_size: int
    seed: int

    @property
    def name(self) -> str:
        """Names its folder, such as `elbo-k02-s0`."""
        return f"{self.objective}-k{self.latent_size:02d}-s{self.seed}"

    def settings(
        self, study: Study, features: int, rounding: float = 0.0, start: int = 0
    ) -> Settings:
        """The member as numbers, as the family takes it, for examples of so many features.

        Args:
            rounding: the least variance of a Gaussian of the data.
            start: which beginning of the seed it has: 0, or after a bad training another.
        """
        variant = study.variant(self.objective)
        objective = OBJECTIVES[variant.objective].weighed(
            variant.kl_weight, study.reduction, features, self.latent_size
        )
        numbers = jax.tree.map(jnp.float32, objective)
        warm_up = jnp.float32(variant.kl_warm_up * study.epochs)
        seed, latent_size, start_ = map(jnp.int32, (self.seed, self.latent_size, start))
        return Settings(seed, latent_size, numbers, warm_up, jnp.float32(rounding), start_)


class Kind(NamedTuple):
    """What passes that share their compiled programs have in common."""

    members: int
    width: int
    mapping: Mapping
    fused: bool


@dataclasses.dataclass(frozen=True)
class Pass:
    """Members that train together; `plan.json` of its folder."""

    members: tuple[str, ...]
    width: int
    mapping: Mapping
    devices: int
    epochs: int
    steps_per_epoch: int
    fused: bool = False

    @property
    def kind(self) -> Kind:
        """What its compiled programs depend on."""
        return Kind(len(self.members), self.width, self.mapping, self.fused)

    def recipe(self, recipe: Recipe) -> Recipe:
        """The recipe of a study, with this pass's own width and choice of kernels."""
        return dataclasses.replace(recipe.wide(self.width), fused=self.fused)


def members_of(study: Study) -> list[Member]:
    """The study's members, in the order in which they train and stand in the results."""
    return [
        Member(variant.name, latent_size, seed)
        for seed in study.seeds
        for latent_size in sorted(study.latent_sizes)
        for variant in study.variants
    ]


def members_in(folder: RunFolder, study: Study) -> list[Member]:
    """The members of a run: its study's, or those that a search has decided on so far."""
    if not (decisions := folder.decisions()):
        return members_of(study)
    decided = {
        Member("elbo", size, seed)
        for step in decisions
        for size in step["latent_sizes"]
        for seed in step["seeds"]
    }
    return sorted(decided, key=lambda member: (member.seed, member.latent_size))


def planned_passes(
    names: Sequence[str], study: Study, recipe: Recipe, placement: Placement, at_once: int
) -> list[Pass]:
    """The passes that train these members on these devices, at most so many at once on each.

    All have the recipe's width.
    """
    sizes = pass_sizes(len(names), len(placement.devices), at_once)
    starts = np.cumsum([0, *sizes])
    return [
        Pass(
            members=tuple(names[start : start + size]),
            width=recipe.shape.width,
            mapping=placement.mapping,
            devices=placement.mesh(size).size,
            epochs=study.epochs,
            steps_per_epoch=recipe.steps_per_epoch,
            fused=placement.mapping == "map" and dense_adam.supported(),
        )
        for start, size in zip(starts, sizes, strict=False)
    ]


def passes_of(folder: RunFolder) -> list[Pass]:
    """The passes that were planned in a folder, in order."""
    files = (folder.path / "passes").glob("p[0-9]*/plan.json")
    return [_read_pass(file) for file in sorted(files, key=_number)]


def plan_more(folder: RunFolder, planned: Sequence[Pass], first: int) -> None:
    """Write passes with the numbers from `first` on, before their first step."""
    for number, each in enumerate(planned, start=first):
        atomic.write_json(folder.pass_path(number) / "plan.json", dataclasses.asdict(each))


def _number(plan: Path) -> int:
    return int(plan.parent.name[1:])


def shape_of(
    study: Study, item_shape: tuple[int, ...], likelihood: Likelihood, width: int
) -> NetworkShape:
    """The sizes of a study's network, for such examples, at a latent width."""
    return NetworkShape(
        item_shape=item_shape,
        parameters_per_feature=likelihood.parameters_per_feature,
        hidden=study.hidden_size,
        width=width,
        network=study.network,
        path=study.init == "pca",
    )


def code_of(study: Study, item_shape: tuple[int, ...], likelihood: Likelihood) -> str | None:
    """The fingerprint of a user's own network, at a study's least size; None of built-in ones."""
    shape = shape_of(study, item_shape, likelihood, min(study.latent_sizes))
    return None if shape.is_padded else fingerprint(shape)


def check_code(folder: RunFolder, study: Study) -> None:
    """Refuse a user's own network that is not as it was when its run began.

    Under another version of JAX that can't be told.

    Raises:
        RunFolderError: its code has changed.
    """
    manifest = folder.manifest()
    begun = manifest.get("code")
    if begun is None or ":" not in study.network or manifest["versions"]["jax"] != jax.__version__:
        return
    data = manifest["data"]
    if code_of(study, tuple(data["item_shape"]), LIKELIHOODS[data["likelihood"]]) != begun:
        raise RunFolderError(
            f"{folder.path}: the code of its network {study.network} has changed since it began; "
            "bring back what it was, or choose another folder with -o"
        )


def examples_apart(study: Study, examples: int) -> int:
    """How many of a network's training examples it is stopped on, if it is.

    They are 2,000 at most, and 10 at least or half of them all: fewer would tell nothing.
    """
    if not study.stopping_fraction:
        return 0
    least = min(_LEAST_APART, examples // 2)
    return max(least, min(round(study.stopping_fraction * examples), _MOST_APART, examples - 1))


def parameters(shape: NetworkShape) -> int:
    """Numbers in one padded network."""
    vae = jax.eval_shape(lambda: initial_vae(jax.random.key(0), shape, jnp.ones(())))
    return sum(leaf.size for leaf in jax.tree.leaves(vae))


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


def _read_pass(path: Path) -> Pass:
    content = read_json(path, Plan)
    known = {each.name for each in dataclasses.fields(Pass)}
    fields = {name: value for name, value in content.items() if name in known}
    return Pass(**{**fields, "members": tuple(content["members"])})
