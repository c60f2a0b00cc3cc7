"""What kind of values data holds, which decides the likelihood where a study leaves it open.

auto takes the first rule that fits:

    counts as they are       negative-binomial
    nearly binary            bernoulli
    any other                gaussian

Counts are whole numbers from 0 upwards with a 0 in at least half of the features and some above 1.
Those of 8 bits are taken for pixels. So are, of 16 features or more, those whose greatest value is
reached in more than half of the features: a scale with an end, as of pixels or answers, while the
greatest of counts comes once.

Values are nearly binary if all are in [0, 1] and their own entropy is at most 0.4 of that of their
means: with H(p) = -p log p - (1 - p) log(1 - p), and means over examples,

    sum_d mean_n H(x_nd)  <=  0.4 sum_d H(mean_n x_nd)

For MNIST's pixels the share is 0.22, for those of scikit-learn's digits 0.50.
"""

import dataclasses

import numpy as np
from scipy.special import entr

from latentsweep.data.dataset import Dataset, Scale, blocks
from latentsweep.errors import DataError
from latentsweep.study import COUNT_LIKELIHOODS, Study

_AS_THEY_ARE = Scale(0.0, 1.0)
_LOOKED_AT, _AT_ONCE = 5_000, 500
_BINARY = 0.4
_MANY = 16  # features, of which more than half hardly share their greatest value by chance


def likelihood_for(study: Study, dataset: Dataset) -> str:
    """The study's likelihood, chosen from the data where it says auto."""
    if study.likelihood != "auto":
        return study.likelihood
    if study.binarisation != "none":
        return "bernoulli"
    values, train = dataset.values, dataset.splits["train"]
    return suiting(values, train, dataset.scale, unit_interval=dataset.unit_interval)


def suiting(values: np.ndarray, train: np.ndarray, scale: Scale, *, unit_interval: bool) -> str:
    """The likelihood that suits values [N, ...] whose examples `train` are for training.

    Args:
        unit_interval: whether all of them, scaled, lie in [0, 1].
    """
    if scale == _AS_THEY_ARE and are_counts(values):
        return "negative-binomial"
    if unit_interval and nearly_binary(values, train, scale):
        return "bernoulli"
    return "gaussian"


def reason(study: Study, dataset: Dataset) -> str:
    """Why auto chose a likelihood, and the flag for another; nothing to say of real values."""
    if study.likelihood != "auto" or study.binarisation != "none":
        return ""
    name = likelihood_for(study, dataset)
    if name == "gaussian" and not dataset.unit_interval:
        return ""
    return f", {_REASONS[name]}; --set likelihood=NAME for another"


_REASONS = {
    "negative-binomial": "since the values are counts",
    "bernoulli": "since the values are nearly binary",
    "gaussian": "since the values lie in [0, 1] but are not nearly binary",
}


def suitably_scaled(dataset: Dataset, study: Study) -> Dataset:
    """The data, with its values as they are if they are to be taken for counts."""
    left_open = study.likelihood == study.scale == "auto" and study.binarisation == "none"
    if study.likelihood in COUNT_LIKELIHOODS or (left_open and are_counts(dataset.values)):
        return dataclasses.replace(dataset, scale=_AS_THEY_ARE)
    return dataset


def check_range(study: Study, dataset: Dataset) -> None:
    """Refuse values that the likelihood asked for has no probability of.

    Raises:
        DataError: they are not all in [0, 1], or not all counts.
    """
    if study.likelihood in COUNT_LIKELIHOODS:
        _check_counts(study, dataset)
    elif study.likelihood in ("bernoulli", "continuous-bernoulli") and not dataset.unit_interval:
        low, high = dataset.extremes
        raise DataError(
            f"likelihood: {study.likelihood} needs values in [0, 1], got {low.min():.4g} to "
            f"{high.max():.4g} in {dataset.name} once scaled; write --scale minmax, or "
            "--set likelihood=gaussian"
        )


def _check_counts(study: Study, dataset: Dataset) -> None:
    odd = not_counted(dataset.values)
    if odd is None and not dataset.is_image:
        return
    got = "pictures of 8 bits" if odd is None else f"{odd:.6g}"
    raise DataError(
        f"likelihood: {study.likelihood} needs counts, whole numbers from 0 upwards, got {got} in "
        f"{dataset.name}; write --set likelihood=gaussian"
    )


def are_counts(values: np.ndarray) -> bool:
    """Whether values [N, ...] look like counts."""
    if values.dtype == np.uint8 or not_counted(values) is not None:
        return False
    ends = [(block.min(axis=0), block.max(axis=0)) for _, block in blocks(values)]
    least, most = np.min([low for low, _ in ends], axis=0), np.max([top for _, top in ends], axis=0)
    at_end = most.size >= _MANY and np.mean(most == most.max()) > 0.5
    return bool(np.mean(least == 0) >= 0.5 and most.max() > 1 and not at_end)


def not_counted(values: np.ndarray) -> float | None:
    """A value that is no whole number from 0 upwards, None if all are."""
    for _, block in blocks(values):
        odd = (block < 0) | (block != np.rint(block))
        if odd.any():
            return float(block[odd][0])
    return None


def nearly_binary(values: np.ndarray, train: np.ndarray, scale: Scale) -> bool:
    """Whether the entropy of scaled values in [0, 1] is at most 0.4 of that of their means.

    Looked at are 5,000 training examples at most, evenly spread.
    """
    places = np.linspace(0, len(train) - 1, min(len(train), _LOOKED_AT)).astype(int)
    total, entropy = np.zeros(values.shape[1:]), 0.0
    for start in range(0, len(places), _AT_ONCE):
        x = scale(values[train[places[start : start + _AT_ONCE]]], np.float64).clip(0, 1)
        total += x.sum(axis=0)
        entropy += _entropy(x)
    return entropy <= _BINARY * len(places) * _entropy(total / len(places))


def _entropy(x: np.ndarray) -> float:
    return float(np.sum(entr(x) + entr(1 - x)))
