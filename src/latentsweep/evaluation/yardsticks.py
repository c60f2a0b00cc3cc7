"""What all networks of a study are held against: made once, and taken from the data alone."""

import dataclasses
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from platformdirs import user_cache_path
from sklearn.metrics import pairwise_distances

from latentsweep.data.catalogue import known_as
from latentsweep.data.splits import SPLIT, stratified
from latentsweep.evaluation import dimension, generation, structure
from latentsweep.evaluation.scorer import Scorer, accuracy, fingerprint, scorer_for
from latentsweep.training.experiment import Experiment

CONFIDENT = 0.9
LIKELIHOOD_EXAMPLES = 1000
_PAIRS = 2000


class Yardsticks:
    """Baselines, feature space and floors of a data set, each made when it is first asked for."""

    def __init__(self, experiment: Experiment, say: Callable[[str], None] = lambda _: None) -> None:
        self.experiment, self.say = experiment, say

    @cached_property
    def train(self) -> np.ndarray:
        """The training split [N, D], scaled, as encoders are given it."""
        return self._seen("train")

    @cached_property
    def test(self) -> np.ndarray:
        """The test split [N, D], the same."""
        return self._seen(SPLIT)

    @property
    def labels(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Class numbers of the training and of the test split, None without labels."""
        labels, split = self.experiment.dataset.labels, self.experiment.split
        return None if labels is None else (labels[split("train")], labels[split(SPLIT)])

    @cached_property
    def scorer(self) -> Scorer | None:
        """The frozen classifier, which there is for MNIST."""
        data = self.experiment.dataset
        if self.labels is None or known_as(data.values) != "mnist":
            return None
        self.say("the scorer, a classifier of MNIST's training split, once ...")
        images = data.values[self.experiment.split("train")]
        return scorer_for(images, self.labels[0], data.hash, user_cache_path("latentsweep"))

    @cached_property
    def features(self) -> Callable[[np.ndarray], np.ndarray]:
        """The map from scaled examples [N, D] to the space in which samples are compared."""
        if (scorer := self.scorer) is not None:
            return lambda x: scorer.features(self._images(x))
        principal = generation.principal_features(self.train)
        return lambda x: principal(self.experiment.as_seen(x))

    @cached_property
    def train_features(self) -> np.ndarray:
        """The training split in that space: as stored, since decoded means are not binary."""
        return self.features(self._as_stored("train"))

    @cached_property
    def test_features(self) -> np.ndarray:
        """The test split in that space."""
        return self.features(self._as_stored(SPLIT))

    @cached_property
    def real(self) -> generation.Real:
        """Both, as what made-up examples are held against."""
        return generation.real(self.train_features, self.test_features)

    @cached_property
    def distances(self) -> np.ndarray:
        """Distances [N, N] between the projected test examples themselves."""
        return pairwise_distances(self.test[self.experiment.chosen])

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Places in the test split of the ends of random pairs."""
        draws, count = np.random.default_rng(0), len(self.test)
        return draws.permutation(count)[:_PAIRS], draws.permutation(count)[:_PAIRS]

    @cached_property
    def likelihood_examples(self) -> np.ndarray:
        """Places in the test split of the examples whose likelihood is bounded most tightly."""
        count = len(self.experiment.split(SPLIT))
        return stratified(self.experiment.test_labels(), count, LIKELIHOOD_EXAMPLES, seed=0)

    def confident(self, x: np.ndarray) -> float:
        """Share of scaled examples [N, D] of whose class the scorer is at least 90 % sure."""
        return float(np.mean(self.probabilities(x).max(axis=1) >= CONFIDENT))

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """The scorer's class probabilities of scaled examples [N, D]."""
        assert self.scorer is not None
        return self.scorer.probabilities(self._images(x))

    def facts(self) -> dict[str, Any]:
        """The content of `yardsticks.json`."""
        floor = generation.floor(self.train_features, self.test_features, seed=0)
        facts = {
            "dimension": dataclasses.asdict(dimension.profile(self.train, seed=0)),
            "features": self._described_features(),
            "floor": floor._asdict(),
            "pixel_midpoint_confident": self._confidence_of_averages(),
        }
        return without_nan(facts)

    def baselines(self) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        """The contents of `baselines.parquet` and `baselines.safetensors`.

        They are of principal components and of the data itself.
        """
        sizes = sorted(set(self.experiment.study.latent_sizes))
        train, test = structure.principal(self.train, self.test, max(sizes))
        rows, all_arrays = [], {}
        named = [("pca", size) for size in sizes if size <= train.shape[1]]
        for name, size in [*named, ("data", self.train.shape[1])]:
            whole = name == "data"
            both = (self.train, self.test) if whole else (train[:, :size], test[:, :size])
            columns, arrays = self.structure(*both)
            rows.append({"representation": name, "latent_size": size} | columns)
            all_arrays |= {f"{name}-k{size:02d}/{key}": each for key, each in arrays.items()}
        return pd.DataFrame(rows), all_arrays

    def structure(
        self, train_codes: np.ndarray, codes: np.ndarray
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """The structure columns of a representation [N, K] of both splits, and its arrays.

        The latter are of each test example: whether its nearest training codes vote for its class.
        """
        chosen = self.experiment.chosen
        faithful = structure.faithfulness(
            self.test[chosen], codes[chosen], distances=self.distances
        )
        columns = dict(faithful._asdict())
        if self.labels is None:
            return columns, {}
        train_labels, labels = self.labels
        hits = structure.knn_hits(train_codes, train_labels, codes, labels)
        silhouette = structure.silhouette(codes, labels)
        columns |= {
            "knn_accuracy": _share(hits),
            "probe_accuracy": _share(
                structure.probe_hits(train_codes, train_labels, codes, labels)
            ),
            **{f"kmeans_{n}": v for n, v in structure.clusters(codes, labels)._asdict().items()},
            "silhouette": silhouette.value,
            "silhouette_null": silhouette.null_99,
            "silhouette_p": silhouette.p,
        }
        return columns, {f"{SPLIT}/knn_hits": hits.astype(np.uint8)}

    def _described_features(self) -> dict[str, Any]:
        size = int(self.test_features.shape[1])
        if self.scorer is None or self.labels is None:
            return {"map": "principal components", "size": size}
        images = self.experiment.dataset.values[self.experiment.split(SPLIT)]
        return {
            "map": "scorer",
            "size": size,
            "sha256": fingerprint(self.scorer),
            "accuracy": accuracy(self.scorer, images, self.labels[1]),
        }

    def _confidence_of_averages(self) -> float | None:
        if self.scorer is None:
            return None
        images = self._as_stored(SPLIT)
        first, second = self.pairs
        return self.confident((images[first] + images[second]) / 2)

    def _seen(self, split: str) -> np.ndarray:
        experiment = self.experiment
        return experiment.as_seen(experiment.scaled(experiment.split(split)))

    def _as_stored(self, split: str) -> np.ndarray:
        return self.experiment.dataset.scale(
            self.experiment.stored(self.experiment.split(split)), np.float32
        )

    def _images(self, x: np.ndarray) -> np.ndarray:
        dataset = self.experiment.dataset
        return dataset.in_whites(x).reshape(len(x), *dataset.item_shape[:2])


def without_nan(value: Any) -> Any:
    """A tree of JSON values with null in the place of NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _share(hits: np.ndarray) -> float:
    return float(hits.mean())
