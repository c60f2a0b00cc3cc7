"""The look of every figure: one matplotlib style, colours, markers, and labels at line ends.

Nothing here touches pyplot or leaves a setting behind: a drawing function stands under `@look()`.
Every line differs from its neighbours by marker and dash as well as by colour, and all text is
plain, so that a class called `$x_1$` is shown as it is written.
"""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib import colormaps, patheffects
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, Formatter, NullFormatter, NullLocator

from latentsweep.language import _, marked, printed
from latentsweep.show import variants

PAGE_WIDTH = 7.0  # inches: both columns of a paper
SMALL, TEXT, TITLE = 7.0, 8.0, 9.0  # points on such a page
DOTS_PER_INCH = 300  # what journals ask for

HALO = [patheffects.withStroke(linewidth=1.6, foreground="white")]  # of words over lines

DARK_PAGE, DARK_INK = "#14171b", "#e3e7ec"  # of pages in a dark scheme
_LEAST_CONTRAST = 3.2  # of a line or a dot with the page it is on
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

    message: str
    colour: str
    marker: str
    dash: str | tuple[int, tuple[float, ...]]
    variant: str = ""

    @property
    def label(self) -> str:
        """The words at the line's end, in the language of the moment."""
        return _(self.message) + variants.words(self.variant)


# One line an objective and quantity; the true −ELBO's line also stands for the objective itself.
LINES = {
    ("keras-blog", "loss"): Line(
        marked("report's loss\n(not an ELBO)"), "#e76300", "s", (0, (1, 1.2))
    ),
    ("keras-blog", "neg_elbo"): Line(
        marked("true −ELBO, trained\nwith the report's loss"), "#bd1f01", "^", (0, (5, 2))
    ),
    ("elbo", "neg_elbo"): Line(marked("−ELBO, trained\nwith the ELBO"), "#2a74b8", "o", "-"),
    ("elbo", "linear"): Line(
        marked("−log p of as many\nprincipal components"), "#6b7785", "D", "--"
    ),
}


def line_of(objective: str, quantity: str) -> Line:
    """The line of a quantity of an objective, in a shade of its own for a variant of it."""
    line = LINES[variants.plain(objective), quantity]
    return replace(line, colour=variants.shade(line.colour, objective), variant=objective)


def quantities(objective: str) -> list[str]:
    """The quantities of an objective, or of a variant of it, that have a line."""
    return [quantity for name, quantity in LINES if name == variants.plain(objective)]


class _Translated(Mapping[str, str]):
    """Marked words by objective, read in the language of the moment; those of variants follow."""

    def __init__(self, messages: Mapping[str, str]) -> None:
        self._messages = messages

    def __getitem__(self, name: str) -> str:
        return _(self._messages[variants.plain(name)]) + variants.words(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)


TRAINED_WITH = _Translated(
    {
        "keras-blog": marked("trained with the Keras-blog loss"),
        "elbo": marked("trained with the ELBO"),
    }
)
# The same for the end of a line, where it has two lines of room.
TRAINED_WITH_IN_TWO_LINES = _Translated(
    {
        "keras-blog": marked("trained with\nthe Keras-blog loss"),
        "elbo": marked("trained with\nthe ELBO"),
    }
)


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


def on_dark(colour: str) -> str:
    """A colour, mixed with white until it stands out from a dark page; ink becomes pale."""
    if colour == INK:
        return DARK_INK
    shade, ground = np.array(to_rgb(colour)), _luminance(np.array(to_rgb(DARK_PAGE)))
    for share in np.linspace(0, 1, 41):
        mixed = shade + share * (1 - shade)
        if (_luminance(mixed) + 0.05) / (ground + 0.05) >= _LEAST_CONTRAST:
            return to_hex(tuple(mixed))
    return "#ffffff"


def _luminance(colour: np.ndarray) -> float:
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def shortened(name: str, most: int = 16) -> str:
    """A name on one line, cut to `most` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def number_axis(axis: Axis) -> None:
    """Numbers along an axis in the language of the moment, with no more digits than they need."""
    axis.set_major_formatter(_Numbers())


class _Numbers(Formatter):
    """The numbers of an axis's ticks, all with the digits that tell each of them as it is."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        digits = _digits(np.asarray(values))
        return [printed(value, f".{digits}f") for value in values]

    def __call__(self, x: float, pos: int | None = None) -> str:
        del pos
        return self.format_ticks([x])[0]


def _digits(values: np.ndarray, most: int = 8) -> int:
    """How many digits after the point tell values as they are."""
    return next((n for n in range(most) if np.allclose(values, values.round(n), rtol=1e-9)), most)


def size_axis(axes: Axes, sizes: Sequence[int], most_ticks: int = 14) -> None:
    """Latent sizes along x, spaced by their logarithm, with ticks at the sizes that have room."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(roomy(sizes, most_ticks)))
    axes.xaxis.set_major_formatter(lambda size, _place: f"{size:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(min(sizes) / 1.25, max(sizes) * 1.25)
    axes.set_xlabel(_("latent size (logarithmic)"))


def roomy(sizes: Sequence[int], most: int) -> list[int]:
    """The largest size and those below it that are a `most`-th of a logarithmic axis apart."""
    ordered = sorted(set(sizes), reverse=True)
    least = np.log(ordered[0] / ordered[-1]) / most
    kept: list[int] = []
    for size in ordered:
        if not kept or np.log(kept[-1] / size) >= least:
            kept.append(size)
    return kept[::-1]


def whiskers(
    axes: Axes, points: pd.DataFrame, x: str, y: str, colour: str, *, across: bool = False
) -> None:
    """Bars through points for their intervals, the columns `{y}_low` and `{y}_high`.

    Args:
        axes: where the points are.
        points: a row a point, with its coordinates; NaN for an interval that is not known.
        x: the column of the coordinates along x.
        y: that of those along y.
        colour: of the bars.
        across: whether there are bars along x too.
    """
    axes.errorbar(
        points[x],
        points[y],
        yerr=_reach(points, y),
        xerr=_reach(points, x) if across else None,
        fmt="none",
        ecolor=colour,
        elinewidth=0.7,
        capsize=2,
        capthick=0.7,
        zorder=1.9,  # below the points
    )


def _reach(points: pd.DataFrame, name: str) -> pd.Series:
    return (points[f"{name}_high"] - points[f"{name}_low"]) / 2


def label_point(
    axes: Axes, point: tuple[float, float], label: str, colour: str | tuple[float, ...]
) -> None:
    """Write small words right above a point, legible over lines."""
    axes.annotate(
        label,
        xy=point,
        xytext=(4, 4),
        textcoords="offset points",
        annotation_clip=False,
        fontsize=SMALL,
        color=colour,
        path_effects=HALO,
    )


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
                "relpos": (0, 0.5),
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
