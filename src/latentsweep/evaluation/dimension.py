"""The data's own dimension, read from the distances between nearest neighbours.

On a manifold of dimension d, sampled evenly around a point, the neighbours within a radius r number
about r^d. Two estimators follow, with r_j the distance from a point to its j-th neighbour:

    TwoNN   log(r_2 / r_1) is exponential with rate d:  d = (N - 1) / sum_i log(r_i2 / r_i1)
    MLE     1 / d = 1 / (N (k - 1)) sum_i sum_{j < k} log(r_ik / r_ij)

TwoNN is taken in its maximum-likelihood form, all points kept and the estimate unbiased: on
Gaussians of 2 to 20 dimensions the fit that leaves out the largest tenth of the ratios reads the
same within 2 %. The MLE averages the inverses over points, to which the normaliser k - 1 belongs;
k - 2 belongs to averaging the estimates of single points.

Neither is the size a network needs. They are evidence beside it, and biased in known ways. Pixel
noise fills every direction: where the distance to a neighbour is not large against the noise, the
estimate climbs; noise of 0.05 on each of 200 pixels makes a surface of 2 dimensions read as 20 and
more. Near the border of the data all neighbours lie to one side, and in many dimensions nearly
every point is near it, with neighbours so far that the density changes on the way: a Gaussian of 20
dimensions reads as 14 to 17. Values on a lattice have many neighbours equally far, which says
nothing about a dimension.

None of this can be mended, but noise and curvature show: the estimate moves with the scale. So it
is read with more neighbours, and with half and a quarter of the points, which lie further apart.
Where those readings spread by more than a quarter, there is no one dimension that neighbours could
tell, and they are a lower bound at best.

References:
    Facco, d'Errico, Rodriguez & Laio (2017), Estimating the intrinsic dimension of datasets by a
        minimal neighborhood information; also for the readings of parts of the points.
    Denti, Doimo, Laio & Mira (2022), The generalized ratios intrinsic dimension estimator, on the
        maximum-likelihood form of TwoNN.
    Levina & Bickel (2004), Maximum likelihood estimation of intrinsic dimension, equation 8.
    MacKay & Ghahramani (2005), Comments on the same paper: average the inverses.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from jaxtyping import Float, Num
from sklearn.neighbors import NearestNeighbors

MOST_POINTS = 10_000
NEIGHBOURS = 5, 10, 20, 50
USUAL_NEIGHBOURS = 20
PARTS = 1, 2, 4
SPREAD = 0.25
_FEWEST_POINTS = 4


@dataclass(frozen=True)
class Estimate:
    """One reading of the dimension: method "TwoNN" or "MLE", neighbours used, points among them."""

    method: str
    neighbours: int
    points: int
    dimension: float


@dataclass(frozen=True)
class DimensionProfile:
    """What nearest neighbours say of the data's dimension, over several scales.

    `two_nn` and `mle` (20 neighbours) are read with all the points used, NaN where those are too
    few; `low` and `high` are the extremes over all `estimates`. Where they are `scale_dependent`,
    they are a lower bound only. `duplicates` counts the rows left out for being equal to others.
    """

    points: int
    duplicates: int
    two_nn: float
    mle: float
    low: float
    high: float
    scale_dependent: bool
    estimates: tuple[Estimate, ...]


def profile(points: Num[np.ndarray, "N D"], seed: int) -> DimensionProfile:
    """The dimension of the data at several scales, from at most 10,000 of its distinct rows.

    The rows are drawn at random without replacement. Readings of a half and a quarter of them are
    means over the two halves or four quarters. Whatever needs more points than there are is left
    out, and nothing is read from rows that are not finite.
    """
    if not np.isfinite(points).all():
        points = points[:0]
    rows = distinct(points)
    chosen = np.random.default_rng(seed).permutation(len(rows))[:MOST_POINTS]
    estimates = _estimates(rows[chosen].astype(np.float64))
    dimensions = np.array([e.dimension for e in estimates] or [np.nan])
    low, high = dimensions.min(), dimensions.max()
    return DimensionProfile(
        points=len(chosen),
        duplicates=len(points) - len(rows),
        two_nn=_reading(estimates, "TwoNN", 2, len(chosen)),
        mle=_reading(estimates, "MLE", USUAL_NEIGHBOURS, len(chosen)),
        low=float(low),
        high=float(high),
        scale_dependent=bool(high - low > SPREAD * np.median(dimensions)),
        estimates=estimates,
    )


def distinct(points: Num[np.ndarray, "N D"]) -> Num[np.ndarray, "N2 D"]:
    """The rows that are not equal to an earlier one, in their order.

    A row given twice has a neighbour at distance 0, of which both estimators would make nonsense.
    """
    rows = points + points.dtype.type(0)  # -0 becomes 0
    digests = [blake2b(row.tobytes()).digest() for row in rows]
    first = dict(zip(reversed(digests), reversed(range(len(rows))), strict=True))
    return rows[sorted(first.values())]


def distances(points: Num[np.ndarray, "N D"], count: int) -> Float[np.ndarray, "N count"]:
    """Distances from each of N > count distinct points to its nearest others, in rising order.

    Who is near is found by products, which lose small distances to rounding; how near, by
    differences.
    """
    centred = points - points.mean(axis=0, dtype=np.float64)
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(centred)
    near = search.kneighbors(return_distance=False)
    exact = [
        np.linalg.norm(centred[others] - point, axis=1)
        for point, others in zip(centred, near, strict=True)
    ]
    return np.sort(np.stack(exact), axis=1)


def two_nn(distances: Float[np.ndarray, "N count"]) -> float:
    """The dimension by the first two neighbours: (N - 1) / sum_i log(r_i2 / r_i1).

    NaN where every point's two neighbours are equally far.

    References:
        Denti et al. (2022): the maximum of TwoNN's likelihood, its bias of N / (N - 1) removed.
    """
    return _ratio(len(distances) - 1, np.log(distances[:, 1] / distances[:, 0]).sum())


def mle(distances: Float[np.ndarray, "N count"], k: int) -> float:
    """The dimension by k >= 2 neighbours: N (k - 1) / sum_i sum_{j < k} log(r_ik / r_ij).

    NaN where every point's k neighbours are equally far.

    References:
        Levina & Bickel (2004), equation 8; MacKay & Ghahramani (2005), the inverse average.
    """
    logs = np.log(distances[:, k - 1 : k] / distances[:, : k - 1])
    return _ratio(logs.size, logs.sum())


def _ratio(count: int, total: float) -> float:
    return float(count / total) if total > 0 else np.nan


def _estimates(points: Float[np.ndarray, "N D"]) -> tuple[Estimate, ...]:
    """Every reading that the points are enough for, those of all points first."""
    readings = []
    for parts in PARTS:
        wanted = NEIGHBOURS if parts == 1 else (USUAL_NEIGHBOURS,)
        smallest = len(points) // parts
        fitting = [k for k in wanted if k < smallest]
        if smallest < _FEWEST_POINTS:
            break
        of_parts = [distances(points[i::parts], max([2, *fitting])) for i in range(parts)]
        means = {("TwoNN", 2): np.mean([two_nn(part) for part in of_parts])}
        means |= {("MLE", k): np.mean([mle(part, k) for part in of_parts]) for k in fitting}
        readings += [Estimate(*key, smallest, float(mean)) for key, mean in means.items()]
    return tuple(e for e in readings if np.isfinite(e.dimension))


def _reading(estimates: tuple[Estimate, ...], method: str, neighbours: int, points: int) -> float:
    wanted = method, neighbours, points
    found = (e.dimension for e in estimates if (e.method, e.neighbours, e.points) == wanted)
    return next(found, np.nan)
