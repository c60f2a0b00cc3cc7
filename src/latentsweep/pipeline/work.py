"""What every stage of a run works on."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from latentsweep.data.dataset import Dataset
from latentsweep.data.kind import spread
from latentsweep.data.splits import fold, stratified
from latentsweep.errors import LatentsweepError, StudyError
from latentsweep.evaluation.evaluate import SPLIT
from latentsweep.model.likelihoods import LIKELIHOODS, Likelihood
from latentsweep.model.principal import Principal, principal
from latentsweep.model.shape import NetworkShape
from latentsweep.pipeline.observer import Observer
from latentsweep.pipeline.plan import Member, examples_apart, members_in, parameters, shape_of
from latentsweep.record.folder import RunFolder
from latentsweep.study import Study
from latentsweep.training.optimiser import adam
from latentsweep.training.orders import Recipe

SHOWN_EXAMPLES = 1000
_ACCOUNTED = 5.0  # seconds, between two entries of a long stage
_MOST_VALUES = 100_000_000  # that principal components are found of: 0.8 GB, and a copy


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """What every stage needs: the study, its data, its folder, and who hears of it."""

    study: Study
    dataset: Dataset
    folder: RunFolder
    observer: Observer

    @property
    def likelihood(self) -> Likelihood:
        """The distribution of the data given a code."""
        return LIKELIHOODS[self.dataset.likelihood]

    @property
    def members(self) -> list[Member]:
        """The networks: those of the study, or those that a search has decided on so far."""
        return members_in(self.folder, self.study)

    @property
    def width(self) -> int:
        """The widest latent: all members are padded to it."""
        return max(member.latent_size for member in self.members)

    def shape(self, width: int) -> NetworkShape:
        """The sizes of the study's network at a latent width."""
        return shape_of(self.study, self.dataset.item_shape, self.likelihood, width)

    def check(self) -> None:
        """Refuse what the study asks for where its data does not allow it.

        Raises:
            StudyError: binary values of data outside [0, 1], principal components of values that
                have no Gaussian likelihood, or a network that such data doesn't fit.
        """
        study, data = self.study, self.dataset
        if study.binarisation != "none" and not data.unit_interval:
            raise StudyError(
                "binarisation: values in [0, 1] are needed as probabilities, but "
                f'{data.name} has others; set binarisation = "none"'
            )
        if study.init == "pca" and data.likelihood != "gaussian":
            raise StudyError(
                f"init: pca needs likelihood gaussian, but {data.name} has {data.likelihood}; set "
                'init = "random", or likelihood = "gaussian"'
            )
        parameters(shape_of(study, data.item_shape, self.likelihood, max(study.latent_sizes)))

    def recipe(self) -> Recipe:
        """What all of the study's members share in training."""
        whole = len(self.dataset.splits["train"]) - self.fold_size
        apart = examples_apart(self.study, whole)
        examples = whole - apart
        steps = self.study.epochs * math.ceil(examples / self.study.batch_size)
        return Recipe(
            shape=self.shape(self.width),
            likelihood=self.likelihood,
            scale=self.dataset.scale,
            optimiser=adam(self.study, steps),
            batch_size=self.study.batch_size,
            examples=examples,
            products=self.study.products,
            folds=self.study.validation_folds,
            held_out=self.fold_size,
            apart=apart,
            patience=self.study.patience if apart else 0,
            binarised=self.study.binarisation == "dynamic",
            warmed=any(self.study.kl_warm_up),
        )

    @contextmanager
    def timed(self, stage: str) -> Iterator[Callable[[], None]]:
        """Add the wall seconds of a block to the manifest's account of a stage, whatever ends it.

        What is yielded does so for those until then, every few seconds: a process may be killed.
        """
        since = time.perf_counter()

        def account(least: float = 0.0) -> None:
            nonlocal since
            if (passed := time.perf_counter() - since) >= least:
                self.add_seconds(stage, passed)
                since += passed

        try:
            yield lambda: account(_ACCOUNTED)
        except BaseException:
            with suppress(OSError, LatentsweepError):  # what ended the block is what is told
                account()
            raise
        account()

    def add_seconds(self, stage: str, passed: float) -> None:
        """Add wall seconds to the manifest's account of a stage."""
        manifest = self.folder.manifest()
        seconds = dict(manifest["seconds"])
        seconds[stage] = seconds.get(stage, 0.0) + passed
        self.folder.write_manifest({**manifest, "seconds": seconds})

    def stored(self, split: str) -> np.ndarray:
        """A split's examples [N, D], as stored."""
        return self.stored_at(self.dataset.splits[split])

    def stored_at(self, indices: np.ndarray) -> np.ndarray:
        """The same of any examples."""
        return self.dataset.values[indices].reshape(len(indices), -1)

    def principal(self, seed: int) -> Principal:
        """The principal components of what a seed's networks train on, those apart included.

        Of more than 100 million values they are those of a sample, evenly spread, of so many.
        """
        fold = seed % max(self.study.validation_folds, 1)
        if fold not in self._principals:
            indices, most = self.trained_on(fold), _MOST_VALUES // self.dataset.features
            train = self.scaled_at(indices[spread(len(indices), max(most, 1))])
            self._principals[fold] = principal(train, self.dataset.rounding)
        return self._principals[fold]

    def linear(self, member: Member, indices: np.ndarray) -> np.ndarray | None:
        """-log p of examples under the linear model of a member's size, in nats.

        It is fitted to what the member trains on; None where there is no such closed form.
        """
        if self.dataset.likelihood != "gaussian":
            return None
        components = self.principal(member.seed)
        losses = components.neg_log_prob(self.scaled_at(indices), member.latent_size)
        return losses.astype(np.float32)

    @cached_property
    def _principals(self) -> dict[int, Principal]:
        return {}

    def split(self, name: str) -> np.ndarray:
        """Indices of a split's examples that are measured: all, or of large data a sample."""
        return self.dataset.measured(self.dataset.splits[name])

    @property
    def fold_size(self) -> int:
        """How many of the training examples each seed holds out; 0 without folds."""
        folds = self.study.validation_folds
        return len(self.dataset.splits["train"]) // folds if folds else 0

    def trained_on(self, seed: int) -> np.ndarray:
        """Indices of the examples that a seed's networks train on; of large data a sample."""
        return self.dataset.measured(self._parts(seed)[0])

    def held_out(self, seed: int) -> np.ndarray:
        """Indices of the examples that a seed's networks are compared on; empty if there are none.

        They are the validation split, or the seed's own fold; of large data a sample.
        """
        return self.dataset.measured(self._parts(seed)[1])

    def _parts(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        splits, folds = self.dataset.splits, self.study.validation_folds
        if folds:
            return fold(splits["train"], folds, seed)
        return splits["train"], splits.get("validation", np.zeros(0, np.int32))

    def values(self, split: str) -> np.ndarray:
        """A split's examples [N, D] as networks are measured on them, in the unit of the store.

        They are those of the store, or one draw of binary values where a study trains on such.
        """
        return self.values_at(self.split(split))

    def values_at(self, indices: np.ndarray) -> np.ndarray:
        """The same of any examples."""
        stored = self.stored_at(indices)
        return self.binary(stored) if self.study.binarisation == "dynamic" else stored

    def binary(self, stored: np.ndarray) -> np.ndarray:
        """Each value as the least or the greatest, the latter with its share as probability.

        One fixed draw, so that all networks are measured on the same binary values.
        """
        scale, draws = self.dataset.scale, np.random.default_rng(0)
        above = draws.random(stored.shape, np.float32) < scale(stored, np.float32)
        return scale.unscale(above).astype(stored.dtype)

    def scaled(self, split: str) -> np.ndarray:
        """A split's examples [N, D] as networks are measured on them, scaled."""
        return self.scaled_at(self.split(split))

    def scaled_at(self, indices: np.ndarray) -> np.ndarray:
        """The same of any examples."""
        return self.dataset.scale(self.values_at(indices), np.float32)

    def seen(self, split: str) -> np.ndarray:
        """A split's examples [N, D] as encoders are given them: of counts, log(1 + x)."""
        return self.as_seen(self.scaled(split))

    def as_seen(self, scaled: np.ndarray) -> np.ndarray:
        """Scaled examples [N, D] as encoders are given them."""
        return np.asarray(self.likelihood.encoder_input(jnp.asarray(scaled)))

    @property
    def train_bytes(self) -> int:
        """Bytes of the training split as stored."""
        values = self.dataset.values
        return len(self.dataset.splits["train"]) * self.dataset.features * values.dtype.itemsize

    def test_labels(self) -> np.ndarray | None:
        """Class numbers of the test split, if there are labels."""
        labels = self.dataset.labels
        return None if labels is None else labels[self.split(SPLIT)]

    @cached_property
    def chosen(self) -> np.ndarray:
        """Places in the test split of the examples that are projected."""
        count = len(self.split(SPLIT))
        return stratified(self.test_labels(), count, self.study.projected_examples, seed=0)

    @property
    def shown(self) -> np.ndarray:
        """Places in the test split of the examples that pictures show."""
        return self.chosen[:SHOWN_EXAMPLES]


def is_trained(work: Work, member: str) -> bool:
    """Whether a member's weights are written."""
    return (work.folder.member_path(member) / "weights.safetensors").exists()
