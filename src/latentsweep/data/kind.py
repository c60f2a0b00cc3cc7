"""What kind of values data holds, which decides the likelihood and the scale that are left open.

Only the values decide, never the type or the file that they came in. `auto` takes the first rule
that fits:

    counts           negative-binomial, as they are
    nearly binary    bernoulli, the least value being 0 and the greatest 1
    any other        gaussian, standardised

**Counts** are whole numbers from 0 upwards that show the noise of counting. Codes, ages, pressures,
answers on a scale and grey values are whole numbers too; each breaks one of the rules:

- an example is a row of features: what has rows and columns of its own is a picture;
- half of the features have a 0, and one in five a value above 1;
- of the values other than 0 half are at most 20: of greater ones a Gaussian says as much;
- in four of five features, what the others leave unexplained varies by nine tenths of the mean at
  least, less two standard errors: a Poisson variable given its rate varies by its mean, and what
  shares its rate knows no more of it. Codes vary by less, and a pixel is known from its neighbours;
- in all features but one in five (or one), there is no end. For counts of any mixture of rates,
  n(k) of which are k, n(k + 1) / n(k) is expected to be at least k / (k + 1) n(k) / n(k - 1). Where
  that expects 5 or more just beyond the greatest value, the scale has an end; so it has where it
  expects more than 1 in the median over the features, few of them being given a little more.

**Nearly binary** are two values; or values of which three in four lie near an end (within a
sixteenth of what all span), and one in a hundred near either, most columns of rows reaching both,
so that one of another unit does not make the others look binary; and whose entropy, as
probabilities, is little: with H(p) = -p log p - (1 - p) log(1 - p), and means over examples,

    sum_d mean_n H(x_nd)  <=  0.4 sum_d H(mean_n x_nd)

For MNIST's pixels the share is 0.22, for those of scikit-learn's digits 0.50.

References:
    Johnson, Kemp & Kotz (2005), Univariate discrete distributions, section 8.3, on mixtures of
        Poisson variables: k! p(k) are the moments of a measure, whence the last rule.
"""

import math

import numpy as np
from scipy.special import entr

from latentsweep.data.dataset import Dataset, Scale, blocks, extremes, white_of
from latentsweep.data.scaling import AS_THEY_ARE, asked_for, standardised
from latentsweep.errors import DataError
from latentsweep.study import FACTS, Study

_LOOKED_AT, _AT_ONCE = 5_000, 500
_BINARY, _ENDS, _OFTEN, _AT_ENDS = 0.4, 1 / 16, 0.01, 0.75
_FEATURES = 200  # whose noise is looked at
_SEVERAL = 5  # features, of which more than half hardly share their greatest value by chance
_ABOVE_ONE = 0.2  # of the features: fewer have categories rather than counts
_SMALL, _MOST, _SLACK, _EXPECTED, _BEYOND = 20, 0.8, 0.9, 5, 1.0


def likelihood_and_scale(
    values: np.ndarray, train: np.ndarray, study: Study, *, table: bool
) -> tuple[str, Scale]:
    """The likelihood and the scale of stored values [N, ...], as a study asks or leaves them open.

    Args:
        train: the examples that are for training.
        table: whether columns may have units of their own.
    """
    left_open = study.likelihood == "auto" and study.binarisation == "none"
    asked = study.likelihood if study.binarisation == "none" else "bernoulli"
    if study.scale != "auto":
        scale = asked_for(values, train, study.scale)
        return (_of_scaled(values, train, scale) if left_open else asked), scale
    likelihood = suiting(values, train) if left_open else asked
    return likelihood, _scale_for(likelihood, values, train, table)


def suiting(values: np.ndarray, train: np.ndarray) -> str:
    """The likelihood that suits values [N, ...] whose examples `train` are for training."""
    if are_counts(values, train):
        return "negative-binomial"
    return "bernoulli" if nearly_binary(values, train) else "gaussian"


def _of_scaled(values: np.ndarray, train: np.ndarray, scale: Scale) -> str:
    """The likelihood of values whose scale was asked for."""
    if scale == AS_THEY_ARE and are_counts(values, train):
        return "negative-binomial"
    if nearly_binary(values, train):
        low, high = scale.reach(values)
        if np.all(low >= 0) and np.all(high <= 1):
            return "bernoulli"
    return "gaussian"


def _scale_for(likelihood: str, values: np.ndarray, train: np.ndarray, table: bool) -> Scale:
    if FACTS[likelihood].counts:
        return AS_THEY_ARE
    if not FACTS[likelihood].unit_interval:
        return standardised(values, train, table)
    if nearly_binary(values, train):
        low, high = map(float, extremes(values))
        return Scale(low, high - low)
    if values.dtype == np.uint8 and extremes(values)[1] > 1:
        return Scale(0.0, white_of(values))
    return AS_THEY_ARE


def reason(study: Study, dataset: Dataset) -> str:
    """Why a likelihood was chosen, and the flag for another; nothing to say of real values."""
    if study.likelihood != "auto" or study.binarisation != "none":
        return ""
    whole = dataset.values.dtype != np.float32
    if dataset.likelihood == "gaussian" and not whole:
        return ""
    why = "since the values are neither counts nor nearly binary"
    return f", {_REASONS.get(dataset.likelihood, why)}; --set likelihood=NAME for another"


_REASONS = {
    "negative-binomial": "since the values are counts: whole, from 0, with the noise of counting",
    "bernoulli": "since the values are nearly binary",
}


def check_range(study: Study, dataset: Dataset) -> None:
    """Refuse values that the likelihood asked for has no probability of.

    Raises:
        DataError: they are not all in [0, 1], or not all counts.
    """
    if study.binarisation != "none":
        return  # refused where a run begins
    facts = FACTS[dataset.likelihood]
    if facts.counts:
        _check_counts(study, dataset)
    elif facts.unit_interval and not dataset.unit_interval:
        low, high = dataset.extremes
        raise DataError(
            f"likelihood: {dataset.likelihood} needs values in [0, 1], got {low.min():.4g} to "
            f"{high.max():.4g} in {dataset.name} once scaled; write --scale minmax, or "
            "--set likelihood=gaussian"
        )


def _check_counts(study: Study, dataset: Dataset) -> None:
    odd = not_counted(dataset.values)
    if odd is not None or dataset.origin != 0:
        got = f"{odd:.6g}" if odd is not None else "values that vary little far from 0"
        raise DataError(
            f"likelihood: {study.likelihood} needs counts, whole numbers from 0 upwards, got {got} "
            f"in {dataset.name}; write --set likelihood=gaussian"
        )


# -- counts


def are_counts(values: np.ndarray, train: np.ndarray) -> bool:
    """Whether values [N, ...] whose examples `train` are for training show the noise of counting.

    Looked at are all values, but for the noise 5,000 examples and 200 features at most, evenly
    spread.
    """
    if values.ndim > 2 or not_counted(values) is not None or extremes(values)[1] <= 1:
        return False
    rows = _some_rows(values, train)
    rows = rows[:, rows.max(axis=0) > rows.min(axis=0)]
    if not rows.size or np.mean(rows.min(axis=0) == 0) < 0.5:
        return False
    if np.mean(rows.max(axis=0) > 1) < _ABOVE_ONE:
        return False
    if np.median(rows[rows > 0]) > _SMALL:
        return False
    rows = rows[:, spread(rows.shape[1], min(_FEATURES, max(1, len(rows) // 4)))]
    means = rows.mean(axis=0)
    errors = np.sqrt((2 + 1 / means) / (len(rows) - rows.shape[1]))  # of a Poisson's variance
    noisy = unexplained(rows) >= (_SLACK - 2 * errors) * means
    beyond, most = np.array([expected_beyond(column) for column in rows.T]), rows.max(axis=0)
    alike = most.size >= _SEVERAL and np.mean(most == most.max()) > 0.5
    thin = np.median(beyond) <= _BEYOND + (0 if alike else 3 / math.sqrt(len(beyond)))
    few_ends = np.sum(beyond >= _EXPECTED) <= max(1, (1 - _MOST) * len(beyond))
    return bool(np.mean(noisy) >= _MOST and few_ends and thin)


def not_counted(values: np.ndarray) -> float | None:
    """A value that is no whole number from 0 upwards, None if all are."""
    for _, block in blocks(values):
        odd = (block < 0) | (block != np.rint(block))
        if odd.any():
            return float(block[odd][0])
    return None


def unexplained(rows: np.ndarray) -> np.ndarray:
    """The variance of each of D features that a linear function of the others leaves, unbiased.

    Args:
        rows: examples [N, D], more than D + 1.
    """
    n, d = rows.shape
    centred = rows - rows.mean(axis=0)
    deviations = centred.std(axis=0)
    correlations = (centred / deviations).T @ (centred / deviations) / n
    precision = np.linalg.inv(correlations + 1e-9 * np.eye(d))
    return deviations**2 / np.diag(precision) * n / (n - d)


def expected_beyond(column: np.ndarray) -> float:
    """How many counts of a mixture of rates would at least be one above the greatest."""
    seen = np.bincount(column.astype(np.int64))
    most = len(seen) - 1
    here, before = seen[most], seen[most - 1]
    return float(here * here / max(before, 1) * most / (most + 1))


def _some_rows(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """At most 5,000 training examples [n, D], evenly spread, as float64."""
    chosen = np.sort(train)[spread(len(train), _LOOKED_AT)]
    features = int(np.prod(values.shape[1:]))
    places = spread(features, 10 * _FEATURES)
    return values[chosen].reshape(len(chosen), features)[:, places].astype(np.float64)


def spread(count: int, most: int) -> np.ndarray:
    """At most so many of the indices below a count, evenly spread."""
    return np.linspace(0, count - 1, min(count, most)).astype(int)


# -- binary values


def nearly_binary(values: np.ndarray, train: np.ndarray) -> bool:
    """Whether values [N, ...] are nearly binary, on 5,000 training examples at most."""
    low, high = map(float, extremes(values))
    if low == high:
        return False
    places = train[spread(len(train), _LOOKED_AT)]
    total, entropy = np.zeros(values.shape[1:]), 0.0
    ends, two = np.zeros(2), True
    least, most = np.ones(values.shape[1:]), np.zeros(values.shape[1:])
    for start in range(0, len(places), _AT_ONCE):
        x = (values[places[start : start + _AT_ONCE]].astype(np.float64) - low) / (high - low)
        ends += np.sum(x <= _ENDS), np.sum(x >= 1 - _ENDS)
        two = two and bool(np.all((x == 0) | (x == 1)))
        least, most = np.minimum(least, x.min(axis=0)), np.maximum(most, x.max(axis=0))
        total += x.sum(axis=0)
        entropy += _entropy(x)
    if two:
        return True
    count = len(places) * total.size
    often = (ends >= _OFTEN * count).all() and ends.sum() >= _AT_ENDS * count
    of_one_unit = min(np.mean(most >= 1 - _ENDS), np.mean(least <= _ENDS)) > 0.5
    if not (often and (of_one_unit or values.ndim > 2)):
        return False
    return entropy <= _BINARY * len(places) * _entropy(total / len(places))


def _entropy(x: np.ndarray) -> float:
    return float(np.sum(entr(x) + entr(1 - x)))
