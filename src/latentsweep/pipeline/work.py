"""What every stage of a run works on."""

import dataclasses
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from latentsweep.data.dataset import Dataset, stratified
from latentsweep.evaluation.evaluate import SPLIT
from latentsweep.model.likelihoods import LIKELIHOODS, Likelihood
from latentsweep.model.network import NetworkShape
from latentsweep.pipeline.observer import Observer
from latentsweep.pipeline.plan import Member, members_in
from latentsweep.record.folder import RunFolder
from latentsweep.study import Study
from latentsweep.training.optimiser import adam
from latentsweep.training.steps import Recipe

SHOWN_EXAMPLES = 1000


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """What every stage needs: the study, its data, its folder, and who hears of it."""

    study: Study
    dataset: Dataset
    folder: RunFolder
    observer: Observer

    @property
    def likelihood_name(self) -> str:
        """The study's likelihood, chosen from the data where it says auto."""
        if self.study.likelihood != "auto":
            return self.study.likelihood
        return "bernoulli" if self.dataset.unit_interval else "gaussian"

    @property
    def likelihood(self) -> Likelihood:
        """The distribution of the data given a code."""
        return LIKELIHOODS[self.likelihood_name]

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
        per_feature = self.likelihood.parameters_per_feature
        return NetworkShape(self.dataset.features, per_feature, self.study.hidden_size, width)

    def recipe(self) -> Recipe:
        """What all of the study's members share in training."""
        examples = len(self.dataset.splits["train"])
        steps = self.study.epochs * math.ceil(examples / self.study.batch_size)
        return Recipe(
            shape=self.shape(self.width),
            likelihood=self.likelihood,
            scale=self.dataset.scale,
            optimiser=adam(self.study, steps),
            batch_size=self.study.batch_size,
            examples=examples,
            products=self.study.products,
            binarised=self.study.binarisation == "dynamic",
        )

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall seconds of a block to the manifest's account of a stage."""
        started = time.perf_counter()
        yield
        manifest = self.folder.manifest()
        seconds = manifest["seconds"]
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - started
        self.folder.write_manifest(manifest)

    def stored(self, split: str) -> np.ndarray:
        """A split's examples [N, D], as stored."""
        indices = self.dataset.splits[split]
        return self.dataset.values[indices].reshape(len(indices), -1)

    def values(self, split: str) -> np.ndarray:
        """A split's examples [N, D] as networks are measured on them, in the unit of the store.

        They are those of the store, or one draw of binary values where a study trains on such.
        """
        stored = self.stored(split)
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
        return self.dataset.scale(self.values(split), np.float32)

    @property
    def train_bytes(self) -> int:
        """Bytes of the training split as stored."""
        values = self.dataset.values
        return len(self.dataset.splits["train"]) * self.dataset.features * values.dtype.itemsize

    def test_labels(self) -> np.ndarray | None:
        """Class numbers of the test split, if there are labels."""
        labels = self.dataset.labels
        return None if labels is None else labels[self.dataset.splits[SPLIT]]

    @cached_property
    def chosen(self) -> np.ndarray:
        """Places in the test split of the examples that are projected."""
        count = len(self.dataset.splits[SPLIT])
        return stratified(self.test_labels(), count, self.study.projected_examples, seed=0)

    @property
    def shown(self) -> np.ndarray:
        """Places in the test split of the examples that pictures show."""
        return self.chosen[:SHOWN_EXAMPLES]
