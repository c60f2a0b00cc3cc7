"""How the codes of a latent space are arranged.

With labels: whether examples of a class lie next to each other (the 10 nearest codes vote), whether
flat boundaries tell the classes apart (multinomial logistic regression), and whether the classes
are clusters of their own, found without labels (k-means) or apart from one another (silhouette):

    s_i = (b_i - a_i) / max(a_i, b_i),

with a_i the mean distance from example i to its own class and b_i that to the nearest other class.

Without labels: whether the neighbours in the data are neighbours among the codes. With r(i, j) the
rank of j among the examples by their distance from i in the data,

    trustworthiness(k) = 1 - 2 / (N k (2N - 3k - 1)) sum_i sum_j max(0, r(i, j) - k),

summed over the k codes nearest to code i; continuity is the same with data and codes exchanged.
Two latent spaces are compared by the neighbours that they share, and by their linear centred kernel
alignment, |B^T A|^2 / (|A^T A| |B^T B|) in Frobenius norms of the centred codes A and B.

Codes enter as they are: a scale for each dimension would make noise of the dead ones. Both the
silhouette and what a line can tell apart change with the number of dimensions alone. Compare them
with those of principal components of the same number.

Codes of a diverged network, not finite or with squares that aren't, have no structure: NaN, no hit
and no neighbour (-1). Codes that are all equal have no order: chance decides, as if they were drawn
at random.

References:
    Rousseeuw (1987), Silhouettes: a graphical aid, section 2.
    Venna & Kaski (2001), Neighborhood preservation in nonlinear projection methods, equation 1.
    Kornblith et al. (2019), Similarity of Neural Network Representations Revisited, section 3.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from threadpoolctl import threadpool_limits

VOTERS = 10
NEIGHBOURS = 10
SILHOUETTES = 2_000
PERMUTATIONS = 999
# The gradient of the mean loss, in nats. On MNIST's codes and pixels 1e-4 changes the accuracy by
# 0.1 points at most and takes 3 to 6 times the steps. They need fewer than 100; none should be
# stopped by the limit.
_PROBE_TOLERANCE = 1e-3
_PROBE_STEPS = 10_000


class Clusters(NamedTuple):
    """How well k-means finds the classes; 0 by chance, 1 if it finds them exactly."""

    nmi: float
    ari: float


class Silhouette(NamedTuple):
    """Mean silhouette of the classes, -1 to 1; the 99th percentile of shuffled labels; p-value."""

    value: float
    null_99: float
    p: float


class Faithfulness(NamedTuple):
    """How far neighbours among the codes are so in the data, and the reverse; at most 1."""

    trustworthiness: float
    continuity: float


def nearest(points: Float[np.ndarray, "N columns"], count: int) -> Int[np.ndarray, "N found"]:
    """Indices of each point's nearest others, nearest first; all others where they are too few.

    -1 everywhere where a diverged network's codes are not finite.
    """
    count = min(count, len(points) - 1)
    if count < 1 or not _finite(points):
        return np.full((len(points), max(count, 0)), -1)
    return NearestNeighbors(n_neighbors=count).fit(points).kneighbors(return_distance=False)


def overlap(near_a: Int[np.ndarray, "N count"], near_b: Int[np.ndarray, "N count"]) -> float:
    """Share of each point's nearest others in one space that are so in another, 0 to 1.

    Two arrangements that have nothing to do with each other share count / (N - 1). NaN if there are
    no neighbours.
    """
    if near_a.size == 0 or min(near_a.min(), near_b.min()) < 0:
        return np.nan
    return float((near_a[:, :, None] == near_b[:, None, :]).any(axis=2).mean())


def knn_hits(
    train_codes: Float[np.ndarray, "N K"],
    train_labels: Int[np.ndarray, " N"],
    codes: Float[np.ndarray, "N2 K"],
    labels: Int[np.ndarray, " N2"],
) -> Bool[np.ndarray, " N2"]:
    """Whether the 10 nearest training codes, all if they are fewer, vote for an example's class.

    A tie goes to the class with the smallest number. No hit where a diverged network's codes are
    not finite; collapsed codes all get one class.
    """
    if not _finite(train_codes, codes):
        return np.zeros(len(labels), bool)
    voters = KNeighborsClassifier(min(VOTERS, len(train_codes)), algorithm="brute")
    return voters.fit(train_codes, train_labels).predict(codes) == labels


def probe_hits(
    train_codes: Float[np.ndarray, "N K"],
    train_labels: Int[np.ndarray, " N"],
    codes: Float[np.ndarray, "N2 K"],
    labels: Int[np.ndarray, " N2"],
) -> Bool[np.ndarray, " N2"]:
    """Whether multinomial logistic regression on the training codes tells an example's class.

    The codes are centred and divided by one scale, the root of their mean variance; the penalty
    |weights|^2 / 2 stands against the summed loss. No hit where a diverged network's codes are not
    finite; collapsed codes, and a single class in training, all get the commonest class.
    """
    if not _finite(train_codes, codes):
        return np.zeros(len(labels), bool)
    if np.ptp(train_labels) == 0:
        return labels == train_labels[0]
    x = train_codes.astype(np.float64)
    centre = x.mean(axis=0)
    x -= centre
    scale = np.sqrt(np.vdot(x, x) / x.size) or 1.0
    x /= scale
    line = LogisticRegression(tol=_PROBE_TOLERANCE, max_iter=_PROBE_STEPS)
    with _one_thread():
        return line.fit(x, train_labels).predict((codes - centre) / scale) == labels


def clusters(
    codes: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"], seed: int = 0
) -> Clusters:
    """Agreement of the classes with as many clusters of k-means, the best of 10 starts.

    NaN for fewer than two classes, and where a diverged network's codes are not finite; 0 for
    collapsed codes.
    """
    classes = len(np.unique(labels))
    if classes < 2 or not _finite(codes):
        return Clusters(np.nan, np.nan)
    count = min(classes, len(np.unique(codes, axis=0)))
    with _one_thread():
        k_means = KMeans(count, n_init=10, random_state=seed)  # pyright: ignore[reportArgumentType]
        found = k_means.fit_predict(codes.astype(np.float64))
    return Clusters(
        float(normalized_mutual_info_score(labels, found)),
        float(adjusted_rand_score(labels, found)),
    )


def silhouette(
    codes: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"], seed: int = 0
) -> Silhouette:
    """Mean silhouette of at most 2,000 examples, drawn at random, against shuffled labels.

    p = (1 + number of shuffles with at least this value) / (1 + number of shuffles)

    An example that is alone in its class counts 0. NaN for fewer than two classes, for classes of
    one example each, and where a diverged network's codes are not finite; 0, with p = 1, for
    collapsed codes.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(codes))[:SILHOUETTES]
    codes, labels = codes[chosen], labels[chosen]
    if not 2 <= len(np.unique(labels)) < len(labels) or not _finite(codes):
        return Silhouette(np.nan, np.nan, np.nan)
    distances = _distances(codes)
    value = float(silhouette_score(distances, labels, metric="precomputed"))
    shuffled = (rng.permutation(labels) for _ in range(PERMUTATIONS))
    null = np.array([mean_silhouette(distances, each) for each in shuffled])
    p = (1 + np.sum(null >= value)) / (1 + PERMUTATIONS)
    return Silhouette(value, float(np.percentile(null, 99)), float(p))


def mean_silhouette(distances: Float[np.ndarray, "N N"], labels: Int[np.ndarray, " N"]) -> float:
    """Mean silhouette by one product: what shuffling a thousand times can afford.

    Example i, at a mean distance a from the others of its class and b from those of the nearest
    other class, has (b - a) / max(a, b), and 0 where it is alone in its class.

    References:
        Rousseeuw (1987), section 2.
    """
    classes, own = np.unique(labels, return_inverse=True)
    member = np.eye(len(classes))[own]
    counts, rows = member.sum(axis=0), np.arange(len(labels))
    sums = distances @ member
    inside = sums[rows, own] / np.maximum(counts[own] - 1, 1)
    means = sums / counts
    means[rows, own] = np.inf
    outside = means.min(axis=1)
    larger = np.maximum(inside, outside)
    value = np.divide(outside - inside, larger, out=np.zeros_like(inside), where=larger > 0)
    return float(np.where(counts[own] > 1, value, 0).mean())


def faithfulness(
    data: Float[np.ndarray, "N D"],
    codes: Float[np.ndarray, "N K"],
    neighbours: int = NEIGHBOURS,
    distances: Float[np.ndarray, "N N"] | None = None,
) -> Faithfulness:
    """Trustworthiness and continuity of the codes; 1 if all neighbours are kept, 1/2 by chance.

    Fewer neighbours where there are not more than twice as many examples; NaN for fewer than three
    examples, and where a diverged network's codes are not finite. N x N ranks are held: 0.5 GB for
    5,000 examples.

    Args:
        data: The examples.
        codes: Their codes.
        neighbours: How many of each example's neighbours count.
        distances: Euclidean distances of the data, to compute them once for several latent spaces.
    """
    count = min(neighbours, (len(codes) - 1) // 2)
    if count < 1 or not _finite(codes):
        return Faithfulness(np.nan, np.nan)
    given, metric = (data, "euclidean") if distances is None else (distances, "precomputed")
    return Faithfulness(
        float(trustworthiness(given, codes, n_neighbors=count, metric=metric)),
        float(trustworthiness(codes, data, n_neighbors=count)),
    )


def cka(a: Float[np.ndarray, "N K"], b: Float[np.ndarray, "N K2"]) -> float:
    """Linear centred kernel alignment of two spaces' codes of the same examples, 0 to 1.

    |B^T A|^2 / (|A^T A| |B^T B|), A and B centred; 1 if one is the other turned, mirrored or scaled
    as a whole. NaN for collapsed codes, and where a diverged network's codes are not finite.

    References:
        Kornblith et al. (2019), Similarity of Neural Network Representations Revisited, section 3.
    """
    if not _finite(a, b) or not (np.ptp(a, axis=0).any() and np.ptp(b, axis=0).any()):
        return np.nan
    a, b = _unit(a), _unit(b)
    norm = np.linalg.norm
    return float(norm(b.T @ a) ** 2 / (norm(a.T @ a) * norm(b.T @ b)))


def principal(
    train: Float[np.ndarray, "N D"], test: Float[np.ndarray, "N2 D"], largest: int
) -> tuple[Float[np.ndarray, "N columns"], Float[np.ndarray, "N2 columns"]]:
    """Scores on the leading principal components of the training data, in the data's unit.

    The first columns are those of any smaller size. Fewer than `largest` where the data have fewer
    features or examples.
    """
    train = train.astype(np.float64)  # the covariance is a difference of large numbers
    with _one_thread():
        pca = PCA(min(largest, *train.shape), svd_solver="covariance_eigh").fit(train)
    return pca.transform(train), pca.transform(test.astype(np.float64))


def _finite(*points: np.ndarray) -> bool:
    """Whether the points of each array, and their squares, are finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return all(bool(np.isfinite(np.vdot(p, p))) for p in points)


def _one_thread() -> threadpool_limits:
    """A context for many small steps, whose threads would wait for each other.

    On two busy cores two threads took 3 to 30 times as long as one.
    """
    return threadpool_limits(limits=1)


def _distances(points: Float[np.ndarray, "N columns"]) -> Float[np.ndarray, "N N"]:
    """Euclidean distances by differences: by products, equal points would be at one of 1e-8."""
    return squareform(pdist(points.astype(np.float64)))


def _unit(codes: np.ndarray) -> np.ndarray:
    centred = codes - codes.mean(axis=0, dtype=np.float64)
    return centred / np.linalg.norm(centred)
