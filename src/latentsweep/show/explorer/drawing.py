"""How one draws an image that looks like the data's own: its ground, its ink, size and place."""

from typing import Any

import numpy as np

_SEEN = 0.1  # of the range of values: less than that from the ground is ground
_MOSTLY_GROUND = 0.25  # of an image
_STEADY = 0.06  # of a side: how far centres of mass may spread


def drawing(images: np.ndarray) -> dict[str, Any]:
    """Ground and ink of images, and whether a drawing is to be moved and scaled as they are.

    Args:
        images: [N, height, width, channels].

    Returns:
        `ground` and `ink`, a value a channel: the median of the border, and of the least and the
        greatest value of the data the one that is farther from it; `fitted`, whether the images
        show one thing each, centred on a ground, as MNIST's digits are; `extent`, the median of its
        larger side, as a share of the larger side of the image.
    """
    images = images.astype(np.float64)
    low, high = float(images.min()), float(images.max())
    ground = np.median(_border(images), axis=(0, 1))
    ink = np.where(ground - low > high - ground, low, high)
    shares = np.abs(images - ground).max(axis=-1) / ((high - low) or 1.0)
    inked = shares > _SEEN
    extent = float(np.median(_extents(inked)))
    mostly_ground = np.median(1 - inked.mean(axis=(1, 2))) > _MOSTLY_GROUND
    return {
        "ground": ground.tolist(),
        "ink": ink.tolist(),
        "fitted": bool(mostly_ground and extent > 0) and _centred(shares),
        "extent": extent / max(inked.shape[1:]),
    }


def _border(images: np.ndarray) -> np.ndarray:
    """The outermost pixels [N, pixels, channels]."""
    edge = np.ones(images.shape[1:3], bool)
    edge[1:-1, 1:-1] = False
    return images[:, edge]


def _centred(shares: np.ndarray) -> bool:
    """Whether the centres of mass lie at one place in all images [N, height, width]."""
    mass = shares.sum(axis=(1, 2)) + 1e-12
    height, width = shares.shape[1:]
    down = (shares.sum(axis=2) @ np.arange(height)) / mass
    across = (shares.sum(axis=1) @ np.arange(width)) / mass
    return bool(max(down.std() / height, across.std() / width) < _STEADY)


def _extents(inked: np.ndarray) -> np.ndarray:
    """The larger side of the smallest box around each image's ink, in pixels."""
    return np.maximum(*(_span(np.asarray(inked.any(axis=axis))) for axis in (1, 2)))


def _span(lines: np.ndarray) -> np.ndarray:
    """How far the first and the last True of each row are apart, both counted; 0 without any."""
    last = lines.shape[1] - np.argmax(lines[:, ::-1], axis=1)
    return np.where(lines.any(axis=1), last - np.argmax(lines, axis=1), 0)
