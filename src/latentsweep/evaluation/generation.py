"""How examples that a model makes up compare with real ones, as points in a space of features.

Around each of N real examples lies a ball that reaches to its k-th nearest real one. Of N2 made-up
examples, "fakes",

    coverage = the share of balls with a fake in them               how much of the data is made
    density  = pairs of a fake and a ball around it, over k N2      how much that is made is data

Fakes drawn as the data was have a density of 1 and, where N2 = N, a coverage of 1 - 2^-k: 0.969
for k = 5. A model that makes one kind of example only keeps its density and loses coverage. The
Fréchet distance compares means and covariances alone; its unit is the features' squared. And a fake
is far if it lies farther from all training examples than 99 of 100 test examples do.

None of these numbers means something alone. The Fréchet distance of finite sets has a bias of the
order 1 / N, and coverage rises with N2: compare numbers of the same N only. Beside them belongs
the floor, what real examples get: training and test examples may differ, as those of MNIST do (0.94
where 0.969 was to be expected), and no model can be better than the examples it learned from.

The codes that a model decodes come from its prior, or from the Gaussian fitted to the codes of
its training examples, which tells what the decoder can do from what the prior misses.

References:
    Naeem, Oh, Uh, Choi & Yoo (2020), Reliable fidelity and diversity metrics for generative models,
        section 3.
    Dowson & Landau (1982), The Fréchet distance between multivariate normal distributions.
    Heusel et al. (2017), GANs trained by a two time-scale update rule, for its use on features.
    Ghosh, Sajjadi, Vergari, Black & Schölkopf (2020), From variational to deterministic
        autoencoders, on ex-post density estimation.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS = 5
MOST_FEATURES = 64
FAR_QUANTILE = 0.99
_BLOCK_MEBIBYTES = 64


class Quality(NamedTuple):
    """How fakes compare with real examples; Fréchet distance in the features' squared unit."""

    coverage: float
    density: float
    frechet: float
    far: float


@dataclass(frozen=True, eq=False)
class Real:
    """The real examples that fakes are held against, with what does not depend on the fakes.

    `radii` reach from each test example to its k-th nearest other; `reach` is the distance to the
    nearest training example that 99 % of test examples stay within. None and NaN where they are
    too few or not finite.
    """

    train: Num[np.ndarray, "N features"]
    test: Num[np.ndarray, "N2 features"]
    radii: Float[np.ndarray, " N2"] | None
    reach: float


def real(train: Num[np.ndarray, "N features"], test: Num[np.ndarray, "N2 features"]) -> Real:
    """Real examples, ready for any number of sets of fakes."""
    near = _nearest_training(train, test) if _usable(train, test) else None
    reach = np.nan if near is None else float(np.quantile(near, FAR_QUANTILE))
    return Real(train, test, _radii(test, NEIGHBOURS), reach)


def quality(examples: Real, fake: Num[np.ndarray, "N3 features"]) -> Quality:
    """The four numbers of fakes: `far` against the training set, the others against the test set.

    Held-out examples are what a model should make; training examples, copied, would score as well
    as those. Give as many fakes as test examples, whatever the model: all but `far` depend on both
    numbers. NaN where a fake is not finite.
    """
    density, coverage = density_and_coverage(examples.test, fake, radii=examples.radii)
    far = np.nan
    if _usable(examples.train, examples.test, fake):
        far = float(np.mean(_nearest_training(examples.train, fake) > examples.reach))
    return Quality(
        coverage=coverage,
        density=density,
        frechet=frechet_distance(examples.test, fake),
        far=far,
    )


def floor(
    train: Num[np.ndarray, "N features"], test: Num[np.ndarray, "N2 features"], seed: int
) -> Quality:
    """The four numbers of real examples: a random part of the training set in the fakes' place.

    It is as large as the test set, and left out of the training set for `far`, in which each of its
    examples would be its own nearest, at distance 0. It is never more than half of the training
    set; where the test set is larger than that, a random part of it stands for the test set.
    """
    train, test, stand_ins = _with_stand_ins(train, test, seed)
    return quality(real(train, test), stand_ins)


def density_and_coverage(
    real: Num[np.ndarray, "N features"],
    fake: Num[np.ndarray, "N2 features"],
    k: int = NEIGHBOURS,
    radii: Float[np.ndarray, " N"] | None = None,
) -> tuple[float, float]:
    """Fakes in a real example's ball over those expected, and the share of balls that hold one.

    With r_i the distance from real example i to its k-th nearest other,

        density  = 1 / (k N2) sum_ij [|fake_j - real_i| < r_i]
        coverage = 1 / N sum_i [min_j |fake_j - real_i| < r_i]

    NaN with k real examples or fewer, or where a value is not finite.

    Args:
        radii: the r_i, where they are known.

    References:
        Naeem et al. (2020), section 3; the balls are open, as in the authors' code.
    """
    if len(real) <= k or not _usable(real, fake):
        return np.nan, np.nan
    radii = _radii(real, k) if radii is None else radii
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    assert radii is not None

    def fakes_inside(block: np.ndarray, start: int) -> np.ndarray:
        return np.sum(block < radii[start : start + len(block), np.newaxis], axis=1)

    inside = np.concatenate(
        list(
            pairwise_distances_chunked(
                real, fake, reduce_func=fakes_inside, working_memory=_BLOCK_MEBIBYTES
            )
        )
    )
    return float(inside.sum() / (k * len(fake))), float(np.mean(inside > 0))


def frechet_distance(a: Num[np.ndarray, "N features"], b: Num[np.ndarray, "N2 features"]) -> float:
    """Squared Fréchet distance of the Gaussians with the sets' means and covariances, at least 0.

    |mu_a - mu_b|^2 + Tr(C_a + C_b - 2 (C_a C_b)^1/2)

    The last trace is the sum of the singular values of C_a^1/2 C_b^1/2, real and exact for singular
    covariances too.

    References:
        Dowson & Landau (1982).
    """
    if not _usable(a, b):
        return np.nan
    (mean_a, cov_a), (mean_b, cov_b) = _moments(a), _moments(b)
    shared = np.linalg.norm(_root(cov_a) @ _root(cov_b), "nuc")
    return float(max(0.0, np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b) - 2 * shared))


def fitted_gaussian(
    codes: Float[np.ndarray, "N K"], code_scales: Float[np.ndarray, "N K"]
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, "K K"]]:
    """Mean and factor of the Gaussian with the moments of all codes, posterior spread included.

    mean + factor @ noise, noise ~ N(0, I), has the mean and the covariance of
    1/N sum_n N(codes_n, diag(code_scales_n^2)):

        factor^2 = Cov(codes) + diag(mean of code_scales^2)

    The factor is the symmetric root, which is unique and needs no inverse. NaN for a diverged
    network.

    References:
        Ghosh et al. (2020), ex-post density estimation.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = codes.mean(axis=0, dtype=np.float64)
        centred = codes - mean
        between = centred.T @ centred / len(codes)
        within = np.mean(np.square(code_scales, dtype=np.float64), axis=0)
    return mean, _root(between + np.diag(within))


@dataclass(frozen=True)
class PrincipalFeatures:
    """A fixed map from flattened examples to their coordinates along the data's main directions."""

    mean: Float[np.ndarray, " D"]
    directions: Float[np.ndarray, "features D"]

    def __call__(self, x: Num[np.ndarray, "N D"]) -> Float[np.ndarray, "N features"]:
        """The coordinates, in the data's unit; NaN stays NaN."""
        with np.errstate(over="ignore", invalid="ignore"):
            return (x - self.mean) @ self.directions.T


def principal_features(
    train: Num[np.ndarray, "N D"], most: int = MOST_FEATURES
) -> PrincipalFeatures:
    """At most 64 principal components of the training data, not whitened.

    For data of which no trained classifier knows what matters: large differences count, small ones
    don't, and distances are those of the data itself as far as 64 directions hold them.
    """
    with np.errstate(invalid="ignore"):  # the variance explained, of data without any
        pca = PCA(min(most, *train.shape), svd_solver="covariance_eigh").fit(train)
    return PrincipalFeatures(pca.mean_, np.asarray(pca.components_))


def _radii(real: Num[np.ndarray, "N features"], k: int) -> Float[np.ndarray, " N"] | None:
    """Distance from each example to its k-th nearest other; None where there is no such."""
    if len(real) <= k or not _usable(real):
        return None
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(real.astype(np.float64))
    return search.kneighbors()[0][:, -1]


def _nearest_training(
    train: Num[np.ndarray, "N features"], x: Num[np.ndarray, "N2 features"]
) -> Float[np.ndarray, " N2"]:
    """Distance from each of x to the nearest training example."""
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train.astype(np.float64))
    return search.kneighbors(x.astype(np.float64))[0][:, 0]


def _with_stand_ins(
    train: Num[np.ndarray, "N features"], test: Num[np.ndarray, "N2 features"], seed: int
) -> tuple[
    Num[np.ndarray, "N3 features"], Num[np.ndarray, "N4 features"], Num[np.ndarray, "N4 features"]
]:
    """The training set without those that stand for fakes, the test set, and the stand-ins."""
    rng = np.random.default_rng(seed)
    order, count = rng.permutation(len(train)), min(len(test), len(train) // 2)
    if count < len(test):
        test = test[rng.permutation(len(test))[:count]]
    return train[order[count:]], test, train[order[:count]]


def _moments(
    x: Num[np.ndarray, "N features"],
) -> tuple[Float[np.ndarray, " features"], Float[np.ndarray, "features features"]]:
    """Mean and unbiased covariance."""
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x - mean
    return mean, centred.T @ centred / max(1, len(x) - 1)


def _root(covariance: Float[np.ndarray, "rows rows"]) -> Float[np.ndarray, "rows rows"]:
    """The symmetric root of a matrix without negative eigenvalues, but for rounding."""
    if not np.isfinite(covariance).all():
        return np.full_like(covariance, np.nan)
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _usable(*sets: Num[np.ndarray, "_ features"]) -> bool:
    """Whether there are points in each set, and the sum of their squares is finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return all(len(x) and np.isfinite(np.square(x, dtype=np.float64).sum()) for x in sets)
