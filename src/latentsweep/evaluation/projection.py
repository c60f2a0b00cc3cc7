"""Two-dimensional pictures of latent spaces that can be compared with each other.

A latent of one or two dimensions is shown as it is. Larger ones are laid out by t-SNE: all with the
same examples, perplexity, iterations and start (the two leading principal components of the data),
and then turned and mirrored, never stretched, towards one of them. Sizes of clusters and gaps
between them mean nothing in such a picture; how much of the neighbourhoods it keeps is measured.

References:
    van der Maaten & Hinton (2008), Visualizing Data using t-SNE.
    Belkina et al. (2019), Automated optimized parameters for t-SNE, on the learning rate.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from openTSNE import TSNE
from openTSNE.initialization import rescale
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from latentsweep.evaluation.structure import NEIGHBOURS, nearest, overlap

PERPLEXITY = 30
_RANKING = Lock()  # trustworthiness ranks all pairs: 0.6 GB at 5,000 points, one panel at a time


class Panel(NamedTuple):
    """Coordinates [N, 2] of one latent space; how faithful they are (NaN: the codes themselves)."""

    coordinates: np.ndarray
    method: str
    kl: float
    preservation: float
    trustworthiness: float


def common_start(data: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N 2"]:
    """Where every panel's t-SNE starts: two principal components of the data, 1e-4 wide."""
    leading = PCA(min(2, *data.shape), svd_solver="covariance_eigh").fit_transform(data)
    start = np.zeros((len(data), 2))
    start[:, : leading.shape[1]] = leading
    return rescale(start)


def panel(codes: Float[np.ndarray, "N K"], start: Float[np.ndarray, "N 2"]) -> Panel:
    """The picture of one latent space."""
    if codes.shape[1] <= 2 or len(codes) <= 3:
        coordinates = np.zeros((len(codes), 2))
        coordinates[:, : codes.shape[1]] = codes[:, :2]
        return Panel(coordinates, "codes", np.nan, np.nan, np.nan)
    embedding = TSNE(
        perplexity=min(PERPLEXITY, (len(codes) - 1) // 3),
        initialization=start,  # pyright: ignore[reportArgumentType]
        negative_gradient_method="bh",
        neighbors="exact",
        n_jobs=1,
        random_state=0,
    ).fit(codes)
    coordinates = np.asarray(embedding)
    with _RANKING:
        trusted = trustworthiness(codes, coordinates, n_neighbors=_neighbours(len(codes)))
    return Panel(
        coordinates,
        "t-SNE",
        float(embedding.kl_divergence),
        preservation(codes, coordinates),
        float(trusted),
    )


def panels(
    codes: Sequence[Float[np.ndarray, "N _"]], start: Float[np.ndarray, "N 2"], threads: int
) -> Iterator[Panel]:
    """The pictures of several latent spaces, in their order, as they are done.

    Each is computed by one thread, so the numbers do not depend on how many share the work.
    """
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(panel, codes, [start] * len(codes))


def aligned(panels: Sequence[Panel]) -> list[Panel]:
    """The panels, those of t-SNE turned towards the first of them."""
    laid_out = [p.coordinates for p in panels if p.method == "t-SNE"]
    return [
        p._replace(coordinates=turned(p.coordinates, laid_out[0])) if p.method == "t-SNE" else p
        for p in panels
    ]


def turned(
    coordinates: Float[np.ndarray, "N 2"], reference: Float[np.ndarray, "N 2"]
) -> Float[np.ndarray, "N 2"]:
    """Coordinates centred, rotated and mirrored, never sheared or scaled, towards a reference."""
    centred = coordinates - coordinates.mean(axis=0)
    rotation, _ = orthogonal_procrustes(centred, reference - reference.mean(axis=0))
    return centred @ rotation


def preservation(codes: Float[np.ndarray, "N K"], coordinates: Float[np.ndarray, "N 2"]) -> float:
    """Share of each point's 10 nearest codes that are among its 10 nearest in the picture."""
    count = _neighbours(len(codes))
    return overlap(nearest(codes, count), nearest(coordinates, count))


def _neighbours(points: int) -> int:
    return min(NEIGHBOURS, (points - 1) // 2)
