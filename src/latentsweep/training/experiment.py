"""An experiment: a study and its data, and nothing of a disk, a clock or who is told."""

import dataclasses
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from latentsweep.data import storage
from latentsweep.data.dataset import Dataset
from latentsweep.data.kind import spread
from latentsweep.data.splits import SPLIT, fold, stratified
from latentsweep.errors import StudyError
from latentsweep.model.likelihoods import LIKELIHOODS, Likelihood
from latentsweep.model.principal import Principal, principal
from latentsweep.model.shape import NetworkShape
from latentsweep.study import Study
from latentsweep.training.members import Member, parameters, shape_of
from latentsweep.training.orders import Recipe, recipe_of

SHOWN_EXAMPLES = 1000
_MOST_VALUES = 100_000_000  # that principal components are found of: 0.8 GB, and a copy


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """A study and its data: what networks train on, and what they are measured on."""

    study: Study
    dataset: Dataset

    @property
    def likelihood(self) -> Likelihood:
        """The distribution of the data given a code."""
        return LIKELIHOODS[self.dataset.likelihood]

    def shape(self, width: int) -> NetworkShape:
        """The sizes of the study's network at a latent width."""
        return shape_of(self.study, self.dataset.item_shape, self.likelihood, width)

    def recipe(self, width: int) -> Recipe:
        """What all of the study's members share in training, padded to a latent width."""
        examples = len(self.dataset.splits["train"]) - self.fold_size
        scale = self.dataset.scale
        return recipe_of(
            self.study, self.shape(width), self.likelihood, scale, examples, self.fold_size
        )

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
        parameters(self.shape(max(study.latent_sizes)))

    @property
    def fold_size(self) -> int:
        """How many of the training examples each seed holds out; 0 without folds."""
        folds = self.study.validation_folds
        return len(self.dataset.splits["train"]) // folds if folds else 0

    @property
    def train_bytes(self) -> int:
        """Bytes of the training split as stored."""
        values = self.dataset.values
        return len(self.dataset.splits["train"]) * self.dataset.features * values.dtype.itemsize

    def split(self, name: str) -> np.ndarray:
        """Indices of a split's examples that are measured: all, or of large data a sample."""
        return self.dataset.measured(self.dataset.splits[name])

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

    def stored(self, indices: np.ndarray) -> np.ndarray:
        """Examples [N, D] as stored."""
        return self.dataset.values[indices].reshape(len(indices), -1)

    def values(self, indices: np.ndarray) -> np.ndarray:
        """Examples [N, D] as networks are measured on them, in the unit of the store.

        They are those of the store, or one draw of binary values where a study trains on such.
        """
        stored = self.stored(indices)
        return self.binary(stored) if self.study.binarisation == "dynamic" else stored

    def binary(self, stored: np.ndarray) -> np.ndarray:
        """Each value as the least or the greatest, the latter with its share as probability.

        One fixed draw, so that all networks are measured on the same binary values.
        """
        scale, draws = self.dataset.scale, np.random.default_rng(0)
        above = draws.random(stored.shape, np.float32) < scale(stored, np.float32)
        return scale.unscale(above).astype(stored.dtype)

    def scaled(self, indices: np.ndarray) -> np.ndarray:
        """Examples [N, D] as networks are measured on them, scaled."""
        return self.dataset.scale(self.values(indices), np.float32)

    def as_seen(self, scaled: np.ndarray) -> np.ndarray:
        """Scaled examples [N, D] as encoders are given them: of counts, log(1 + x)."""
        return np.asarray(self.likelihood.encoder_input(jnp.asarray(scaled)))

    def as_shown(self, scaled: np.ndarray) -> np.ndarray:
        """Scaled examples [..., D] as pictures keep them: 8-bit, or in the data's own unit.

        Columns that have a scale each stay scaled: in their own units one picture could not hold
        them.
        """
        data = self.dataset
        items = scaled.reshape(*scaled.shape[:-1], *data.item_shape)
        if data.scale.columns is not None:
            return items.astype(np.float32)
        if data.is_image:
            return np.rint(255 * np.clip(data.in_whites(items), 0, 1)).astype(np.uint8)
        return storage.own(data.scale.unscale(items), data.origin).astype(np.float32)

    def principal(self, seed: int) -> Principal:
        """The principal components of what a seed's networks train on, those apart included.

        Of more than 100 million values they are those of a sample, evenly spread, of so many.
        """
        fold = seed % max(self.study.validation_folds, 1)
        if fold not in self._principals:
            indices, most = self.trained_on(fold), _MOST_VALUES // self.dataset.features
            train = self.scaled(indices[spread(len(indices), max(most, 1))])
            self._principals[fold] = principal(train, self.dataset.rounding)
        return self._principals[fold]

    @cached_property
    def _principals(self) -> dict[int, Principal]:
        return {}

    def linear(self, member: Member, indices: np.ndarray) -> np.ndarray | None:
        """-log p of examples under the linear model of a member's size, in nats.

        It is fitted to what the member trains on; None where there is no such closed form.
        """
        if self.dataset.likelihood != "gaussian":
            return None
        components = self.principal(member.seed)
        losses = components.neg_log_prob(self.scaled(indices), member.latent_size)
        return losses.astype(np.float32)

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

    def shown_values(self) -> np.ndarray:
        """The examples [E, D] that pictures show, as networks are measured on them."""
        return self.values(self.split(SPLIT))[self.shown]
