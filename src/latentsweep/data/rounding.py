"""The steps to which values were rounded, and the least noise that a Gaussian density of them has.

A value that was rounded to steps of h says nothing finer. Rounding leaves an error that is as good
as uniform over a step where what varies does so over more than one, with a variance of h^2 / 12: a
density that is narrower rewards nothing but rounding, without end. Where a feature varies by less
than a step, it has a few values only, as codes of categories have, and a twelfth of its variance
takes the place of that. The likelihood has one variance for all features, and so has what it may
not be below: the mean over the features of

    min(h, s)^2 / 12,      s being a feature's standard deviation, all in the scaled unit.

References:
    Sheppard (1898), On the calculation of the most probable values of frequency-constants, for data
    arranged according to equidistant divisions of a scale, on h^2 / 12.
"""

import numpy as np

from latentsweep.data.dataset import Scale
from latentsweep.data.kind import spread

_ROWS, _FEATURES, _VALUES = 5_000, 200, 200_000  # looked at
_DECIMALS = 6
_FEW = 5  # different values: their least distance is the step
_FLOAT32 = 2.0**-23
_UNSURE, _OFF = 0.1, 0.01  # of a step


def noise_of_rounding(
    values: np.ndarray, train: np.ndarray, scale: Scale
) -> tuple[float, tuple[float, float]]:
    """The least variance in the scaled unit, and the least and greatest step in the values' own.

    Looked at are 5,000 training examples and 200 features at most, evenly spread. 0 for a step that
    was not found.
    """
    chosen = np.sort(train)[spread(len(train), _ROWS)]
    features = int(np.prod(values.shape[1:]))
    places = spread(features, _FEATURES)
    rows = values[chosen].reshape(len(chosen), features)[:, places].astype(np.float64)
    if scale.columns is None:
        some = rows.ravel()[spread(rows.size, _VALUES)]
        steps, factors = np.full(len(places), step(some)), float(np.ravel(scale.factor)[0])
    else:
        steps, factors = np.array([step(row) for row in rows.T]), np.array(scale.factor)[places]
    noise = np.minimum(steps, rows.std(axis=0)) / factors
    return float(np.mean(noise**2) / 12), (float(steps.min()), float(steps.max()))


def step(values: np.ndarray) -> float:
    """The greatest h of which all differences between values [N] are multiples; 0 for none.

    Steps are looked for among numbers of up to 6 decimals, and else as the least distance.
    """
    found = np.unique(values)
    if len(found) < 2:
        return 0.0
    for decimals in range(_DECIMALS + 1):
        moved = found * 10**decimals
        if np.abs(moved).max() * _FLOAT32 > _UNSURE:
            break
        if np.all(np.abs(moved - np.rint(moved)) <= np.abs(moved) * _FLOAT32 + 1e-9):
            whole = np.rint(moved).astype(np.int64)
            return float(np.gcd.reduce(np.diff(whole)) / 10**decimals)
    return _least_distance(found)


def _least_distance(found: np.ndarray) -> float:
    """The least distance of different values, if they are few or all are multiples of it."""
    span = found[-1] - found[0]
    apart = np.diff(found)
    apart = apart[apart > 4 * _FLOAT32 * np.abs(found).max()]  # one value in two roundings
    least = float(apart.min(initial=span))
    if len(apart) < _FEW:
        return least
    least = span / np.rint(span / least)
    away = (found - found[0]) / least
    return float(least) if np.all(np.abs(away - np.rint(away)) <= _OFF) else 0.0
