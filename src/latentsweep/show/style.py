"""The look of every figure: one matplotlib style, colours, markers, and labels at line ends.

Nothing here touches pyplot or leaves a setting behind: a drawing function stands under `@look()`.
Every line differs from its neighbours by marker and dash as well as by colour, and all text is
plain, so that a class called `$x_1$` is shown as it is written.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib.style
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

PAGE_WIDTH = 7.0  # inches: both columns of a paper
SMALL, TEXT, TITLE = 7.0, 8.0, 9.0  # points on such a page
DOTS_PER_INCH = 200

INK, QUIET, FAINT = "#1f2328", "#5b636d", "#c9cdd2"
# Petroff (2021), Accessible color sequences for data visualization: the cycle of ten.
CLASS_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)

RC = {
    "font.size": TEXT,
    "font.family": ["DejaVu Sans"],
    "axes.titlesize": TITLE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": TEXT,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e4e7ea",
    "grid.linewidth": 0.5,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "text.color": INK,
    "text.parse_math": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "figure.dpi": DOTS_PER_INCH,
    "savefig.dpi": DOTS_PER_INCH,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.06,
    "figure.facecolor": "white",
    "svg.hashsalt": "latentsweep",
}


@dataclass(frozen=True)
class Line:
    """How the line of one quantity is drawn, and what stands at its end."""

    label: str
    colour: str
    marker: str
    dash: str | tuple[int, tuple[float, ...]]


# One line an objective and quantity; the true −ELBO's line also stands for the objective itself.
LINES = {
    ("keras-blog", "loss"): Line("report's loss\n(not an ELBO)", "#e76300", "s", (0, (1, 1.2))),
    ("keras-blog", "neg_elbo"): Line(
        "true −ELBO, trained\nwith the report's loss", "#bd1f01", "^", (0, (5, 2))
    ),
    ("elbo", "neg_elbo"): Line("−ELBO, trained\nwith the ELBO", "#2a74b8", "o", "-"),
}
TRAINED_WITH = {
    "keras-blog": "trained with the Keras-blog loss",
    "elbo": "trained with the ELBO",
}


@contextmanager
def look() -> Iterator[None]:
    """Matplotlib's defaults with this module's settings over them, until the block ends."""
    with matplotlib.style.context(["default", RC]):
        yield


def size_colour(place: float) -> tuple[float, float, float, float]:
    """The colour of a latent size by its place from 0 (smallest) to 1: light to dark viridis."""
    return colormaps["viridis"](0.88 * (1 - place))


def class_colours(labels: np.ndarray) -> np.ndarray:
    """The colour of each class number, the cycle of ten repeated; quiet where it is negative."""
    cycle = np.array(CLASS_COLOURS)[np.maximum(labels, 0) % len(CLASS_COLOURS)]
    return np.where(labels < 0, QUIET, cycle)


def shortened(name: str, most: int = 16) -> str:
    """A name on one line, cut to `most` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def size_axis(axes: Axes, sizes: Sequence[int], most_ticks: int = 14) -> None:
    """Latent sizes along x, spaced by their logarithm, with ticks at the sizes that have room."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(roomy(sizes, most_ticks)))
    axes.xaxis.set_major_formatter(lambda size, _: f"{size:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(min(sizes) / 1.25, max(sizes) * 1.25)
    axes.set_xlabel("latent size (logarithmic)")


def roomy(sizes: Sequence[int], most: int) -> list[int]:
    """The largest size and those below it that are a `most`-th of a logarithmic axis apart."""
    ordered = sorted(set(sizes), reverse=True)
    least = np.log(ordered[0] / ordered[-1]) / most
    kept: list[int] = []
    for size in ordered:
        if not kept or np.log(kept[-1] / size) >= least:
            kept.append(size)
    return kept[::-1]


@dataclass(frozen=True)
class End:
    """The last point of a line, in data coordinates, and the words that stand beside it."""

    x: float
    y: float
    label: str
    colour: str | tuple[float, float, float, float]


def label_ends(axes: Axes, ends: Sequence[End]) -> None:
    """Write the labels right of the axes, each beside its line's end, pushed apart if need be."""
    axes.set_ylim(axes.get_ylim())
    low, high = axes.get_ylim()
    height = size_in_points(axes)[1]
    lines = max((end.label.count("\n") + 1 for end in ends), default=1)
    heights = spread([(end.y - low) / (high - low) for end in ends], lines * TEXT * 1.25 / height)
    for end, place in zip(ends, heights, strict=True):
        axes.annotate(
            end.label,
            xy=(end.x, end.y),
            xytext=(1.03, place),
            textcoords="axes fraction",
            annotation_clip=False,
            va="center",
            color=end.colour,
            arrowprops={
                "arrowstyle": "-",
                "color": end.colour,
                "linewidth": 0.5,
                "shrinkA": 1,
                "shrinkB": 4,
            },
        )


def size_in_points(axes: Axes) -> tuple[float, float]:
    """Width and height of the axes, before the layout fits them to their labels."""
    to_points = 72 / axes.figure.dpi
    return axes.bbox.width * to_points, axes.bbox.height * to_points


def spread(places: Sequence[float], gap: float) -> np.ndarray:
    """Places between 0 and 1, moved as little as is even-handed until they are `gap` apart.

    More than fit between 0 and 1 at that distance run over the upper end.
    """
    count = len(places)
    order, steps = np.argsort(places, kind="stable"), gap * np.arange(count)
    free = np.asarray(places, float)[order] - steps
    upward = np.maximum.accumulate(free)
    downward = np.minimum.accumulate(free[::-1])[::-1]
    within = np.maximum(np.minimum((upward + downward) / 2, 1 - gap * (count - 1)), 0)
    placed = np.empty(count)
    placed[order] = within + steps
    return placed


@look()
def saved(figure: Figure, extension: str, source: str) -> bytes:
    """A figure as the bytes of a PNG or SVG file, the same for the same figure.

    Args:
        figure: what to save.
        extension: `png` or `svg`.
        source: text kept in the file's header, to know later what it was drawn from.
    """
    header = {"png": {"Source": source}, "svg": {"Source": source, "Date": None}}[extension]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A class name in a script that the font lacks is drawn as boxes, which is no one's mistake.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=extension, metadata=header)
    return buffer.getvalue()
