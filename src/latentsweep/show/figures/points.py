"""A cloud of codes with its classes: shared by the latent plane and the t-SNE panels."""

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes

from latentsweep.language import _
from latentsweep.show import style

MOST_NAMED = 24  # more names than this hide the points
HALO = [patheffects.withStroke(linewidth=2.2, foreground="white")]


def draw_points(axes: Axes, points: pd.DataFrame, area: float) -> None:
    """Draw `x`, `y` in the table's order, coloured by `label`, rasterised inside an SVG.

    Args:
        axes: where to draw.
        points: with `x`, `y` and `label`.
        area: of a dot, in square points, where there are 10,000; fewer have larger ones.
    """
    axes.scatter(
        points["x"],
        points["y"],
        s=area * min(10_000 / len(points), 36) ** 0.5,
        c=list(style.class_colours(points["label"].to_numpy())),
        linewidths=0,
        alpha=0.6,
        rasterized=True,
    )


def name_classes(axes: Axes, points: pd.DataFrame, names: str, size: float) -> None:
    """Write each class's name at the median of its points, or as near as the others let it.

    Args:
        axes: holds the points; its limits and size are final.
        points: with `x`, `y`, `label` and the column of names; nothing is written without labels.
        names: the column of the words to write.
        size: of the text, in points.
    """
    medians = class_medians(points, names)
    if medians.empty or len(medians) > MOST_NAMED:
        return
    places = _apart(axes, medians, size)
    for name, (x, y) in zip(medians["name"], places, strict=True):
        axes.text(
            x,
            y,
            name,
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=size,
            fontweight="bold",
            path_effects=HALO,
            clip_on=True,
        )


def class_medians(points: pd.DataFrame, names: str) -> pd.DataFrame:
    """The median `x` and `y` of each class, with its name; empty without labels."""
    labelled = points[points["label"] >= 0]
    medians = labelled.groupby("label")[["x", "y"]].median()
    words = labelled.groupby("label")[names].first().map(style.shortened)
    return pd.DataFrame({"name": words, "x": medians["x"], "y": medians["y"]})


def _apart(axes: Axes, medians: pd.DataFrame, size: float) -> np.ndarray:
    """Where the names stand, as shares of the axes: at the medians, or a little above or below."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x = (medians["x"].to_numpy() - left) / (right - left)
    y = (medians["y"].to_numpy() - bottom) / (top - bottom)
    width, height = style.size_in_points(axes)
    widths = medians["name"].str.len().to_numpy() * 0.72 * size / width
    return np.stack([x, pushed_apart(x, y, widths, 1.05 * size / height)], axis=1)


def pushed_apart(
    x: np.ndarray, y: np.ndarray, widths: np.ndarray, height: float, rounds: int = 100
) -> np.ndarray:
    """The heights of boxes after those that overlap have pushed each other up and down."""
    placed = y.astype(float) + 1e-6 * np.arange(len(y))  # no two at the very same height
    beside = np.abs(x[:, None] - x) < (widths[:, None] + widths) / 2
    np.fill_diagonal(beside, val=False)
    for _round in range(rounds):
        apart = placed[:, None] - placed
        overlap = np.where(beside, np.maximum(height - np.abs(apart), 0), 0)
        placed = placed + (np.sign(apart) * overlap).sum(axis=1) / 4
    return placed


def words_on_classes(points: pd.DataFrame) -> str:
    """A caption's clause on the classes: where their names stand, or that they are too many."""
    count = points.loc[points["label"] >= 0, "label"].nunique()
    if count > MOST_NAMED:
        words = _("the {count} classes are too many to be named, and their colours repeat")
        return words.format(count=count)
    return _("each class is named near its median") if count else ""


def in_random_order(points: pd.DataFrame) -> pd.DataFrame:
    """The same rows in an order that lets no class lie on top of the others."""
    order = np.random.default_rng(0).permutation(len(points))
    return points.iloc[order].reset_index(drop=True)
