"""Which examples are for training, validation and testing."""

import dataclasses

import numpy as np

from latentsweep.data.dataset import Dataset
from latentsweep.errors import DataError

SPLIT = "test"  # what networks are measured on
HELD_OUT = "validation"  # the split, or the folds, that sizes are compared on


def parted(
    n: int, test_fraction: float, seed: int, groups: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """A random "train" and "test" split of n examples, of whole groups where there are any."""
    if groups is None:
        return split(n, test_fraction, seed)
    return split_groups(groups, test_fraction, seed)


def split_groups(groups: np.ndarray, test_fraction: float, seed: int) -> dict[str, np.ndarray]:
    """A random "train" and "test" split of the examples of at least 2 groups, each on one side.

    Groups are taken in a random order, each for the test split that brings it nearer to
    test_fraction of the examples, and then the smallest one if some are still lacking.
    """
    numbers, sizes = np.unique(groups, return_counts=True)
    assert len(numbers) >= 2, groups
    order = np.random.default_rng(seed).permutation(len(numbers))
    left, taken = test_fraction * len(groups), []
    for place in order:
        if sizes[place] < 2 * left and len(taken) < len(numbers) - 1:
            taken.append(place)
            left -= sizes[place]
    others = np.setdiff1d(order, taken)
    if left > 0 and len(others) > 1:
        taken.append(others[np.argmin(sizes[others])])
    chosen = np.isin(groups, numbers[taken])
    return {
        "train": np.flatnonzero(~chosen).astype(np.int32),
        "test": np.flatnonzero(chosen).astype(np.int32),
    }


def split(n: int, test_fraction: float, seed: int) -> dict[str, np.ndarray]:
    """A random "train" and "test" split of n >= 2 examples: each index once, in rising order.

    The test split holds round(test_fraction n) examples, but neither split is empty.
    """
    count = min(max(round(test_fraction * n), 1), n - 1)
    order = np.random.default_rng(seed).permutation(n).astype(np.int32)
    return {"train": np.sort(order[count:]), "test": np.sort(order[:count])}


def with_validation(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    """The data with a share of its training split set apart as "validation".

    Unchanged for 0, and where the data brings a validation split of its own.

    Raises:
        DataError: there is no example for one of the two.
    """
    if not fraction or "validation" in dataset.splits:
        return dataset
    train = dataset.splits["train"]
    if len(train) < 2:
        raise DataError(
            f"{dataset.name}: a training split of 2 examples or more is needed to hold some out, "
            f"got {len(train)}; add data, or set validation_fraction = 0"
        )
    groups = None if dataset.groups is None else dataset.groups[train]
    if groups is not None and len(np.unique(groups)) < 2:
        raise DataError(
            f"{dataset.name}: two groups or more are needed in the training split to hold some "
            "out, got 1; name a column of more groups with --split-by, or set "
            "validation_fraction = 0"
        )
    parts = parted(len(train), fraction, seed, groups)
    splits = {"train": train[parts["train"]], "validation": train[parts["test"]]}
    return dataclasses.replace(dataset, splits={**dataset.splits, **splits})


def with_at_most(dataset: Dataset, examples: int, seed: int) -> Dataset:
    """The data with so many training examples, drawn at random; unchanged for 0 or fewer of them.

    Of data in groups the groups stay; a validation split of its own stays whole.
    """
    train = dataset.splits["train"]
    if not 0 < examples < len(train):
        return dataset
    some = np.sort(np.random.default_rng((seed, examples)).choice(train, examples, replace=False))
    return dataclasses.replace(dataset, splits={**dataset.splits, "train": some})


def with_folds(dataset: Dataset, folds: int, seed: int) -> Dataset:
    """The data with its training split in the random order that `fold` cuts; unchanged for 0.

    Raises:
        DataError: there are groups, or fewer than two examples a fold.
    """
    if not folds:
        return dataset
    train = dataset.splits["train"]
    if dataset.groups is not None:
        raise DataError(
            f"{dataset.name}: examples without groups are needed for validation_folds, since equal "
            "folds would divide the groups; set validation_folds = 0 and a validation_fraction"
        )
    if len(train) < 2 * folds:
        raise DataError(
            f"{dataset.name}: a training split of {2 * folds} examples or more is needed for "
            f"validation_folds = {folds}, got {len(train)}; set fewer folds"
        )
    order = np.random.default_rng(seed).permutation(len(train))
    return dataclasses.replace(dataset, splits={**dataset.splits, "train": train[order]})


def fold(train: np.ndarray, folds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What a seed's network trains on and what it holds out, of N training examples.

    Held out are the N // folds examples from (seed mod folds) (N // folds) on; the N mod folds that
    are left over at the end are in no fold.
    """
    size = len(train) // folds
    own = slice(start := seed % folds * size, start + size)
    return np.delete(train, own), train[own]


def leading(n: int, n_train: int) -> dict[str, np.ndarray]:
    """The split of n examples whose first n_train are for training and the others for testing."""
    indices = np.arange(n, dtype=np.int32)
    return {"train": indices[:n_train], "test": indices[n_train:]}


def stratified(labels: np.ndarray | None, n: int, count: int, seed: int) -> np.ndarray:
    """At most `count` of the indices 0 to n - 1, the classes taking turns, random within a class.

    Among the first c, for every c, the counts of two classes differ by more than 1 only if one of
    them is used up. Without labels the choice is a random one. The indices are int32, each once.
    """
    order = np.random.default_rng(seed).permutation(n).astype(np.int32)
    if labels is None:
        return order[:count]
    by_class = order[np.argsort(labels[order], kind="stable")]
    ranked = labels[by_class]
    turn = np.arange(n) - np.searchsorted(ranked, ranked)
    return by_class[np.argsort(turn, kind="stable")][:count]
