"""One item of a data set as a small picture: an image as it is, anything else as a line."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from latentsweep.show import style
from latentsweep.study import FACTS

LINE_MARGIN = 0.12  # of a tile, above and below a line


class Limits(NamedTuple):
    """The values that are black and white, or the bottom and the top of a line.

    A line of `counts` goes by log(1 + count): the largest leave nothing to be seen of the others.
    """

    low: float
    high: float
    counts: bool = False

    def shares(self, values: np.ndarray) -> np.ndarray:
        """Where values stand between the two, these being 0 and 1."""
        low, high, values = (
            np.log1p(np.maximum(each, 0)) if self.counts else np.asarray(each, float)
            for each in (self.low, self.high, values)
        )
        return (values - low) / ((high - low) or 1.0)


def are_images(manifest: Mapping[str, Any], values: np.ndarray) -> bool:
    """True where the items are pictures: height x width, with or without colours."""
    return bool(manifest["data"]["image"]) and values.ndim in (3, 4)


def draw_tile(axes: Axes, values: np.ndarray, centre: tuple[float, float], limits: Limits):
    """Draw one item in a tile of width and height 0.92 around a centre.

    Args:
        axes: where to draw, in data coordinates.
        values: [height, width], [height, width, colours] or [feature].
        centre: of the tile.
        limits: the values that are black and white, or the bottom and top of the line.
    """
    (x, y), half = centre, 0.46
    if values.ndim == 1:
        heights = limits.shares(values) - 0.5
        places = np.linspace(x - half, x + half, len(values))
        axes.plot(places, y + heights * 2 * (half - LINE_MARGIN), color=style.INK, linewidth=0.7)
        return
    height, width = (half * side / max(values.shape[:2]) for side in values.shape[:2])
    axes.imshow(
        pixels(values),
        extent=(x - width, x + width, y - height, y + height),
        cmap="gray",
        vmin=limits.low,
        vmax=limits.high,
        interpolation="nearest",
        origin="upper",
    )


def pixels(image: np.ndarray) -> np.ndarray:
    """An image that matplotlib can draw: grey, or three or four colours; else their mean."""
    if image.ndim == 2 or image.shape[-1] in (3, 4):
        return image
    return image.mean(axis=-1)


def value_limits(manifest: Mapping[str, Any], values: np.ndarray) -> Limits:
    """The range to draw items in: from 0 for unsigned values, otherwise from the least."""
    low = 0.0 if np.issubdtype(values.dtype, np.unsignedinteger) else float(values.min())
    counted = FACTS[manifest["data"]["likelihood"]].counts
    lines = not are_images(manifest, values)
    return Limits(low, max(float(values.max()), low + 1e-9), counts=counted and lines)
