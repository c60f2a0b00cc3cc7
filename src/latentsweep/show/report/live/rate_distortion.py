"""Reconstruction against rate, a point a latent size, over lines of equal −ELBO."""

from typing import Any

import numpy as np
import pandas as pd
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, GlyphRenderer, Label, Scatter, Slope
from bokeh.models.glyphs import Line, Text
from bokeh.plotting import figure
from matplotlib.ticker import MaxNLocator

from latentsweep.language import _, headed, printed
from latentsweep.record.folder import RunFolder
from latentsweep.show import style
from latentsweep.show.figures import rate_distortion
from latentsweep.show.members import objectives
from latentsweep.show.report.live import plots as made
from latentsweep.show.report.live.headline import MARKERS, with_interval

_HEIGHT = 360
_LEVELS = 9
_TERMS = ("rate", "reconstruction")

Ends = tuple[float, float]


def plots(run: RunFolder) -> list[figure]:
    """One plot, a line an objective."""
    rows = rate_distortion.table(run)
    x, y = (_range(rows, term) for term in _TERMS)
    plot = made.blank(_("Reconstruction against rate"), _HEIGHT, x_range=x, y_range=y)
    unit = rows["unit"].iloc[0]
    made.name_axes(
        plot,
        _("rate: what the code carries ({unit})").format(unit=unit),
        _("reconstruction ({unit})").format(unit=unit),
    )
    plot.grid.grid_line_color = None
    _levels(plot, x, y)
    entries = {
        headed(style.TRAINED_WITH[name]): _curve(plot, rows[rows["objective"] == name], name)
        for name in objectives(rows)
    }
    made.legend(plot, entries)
    return [plot]


def _range(rows: pd.DataFrame, term: str) -> Ends:
    return made.margined(rows[[term, f"{term}_low", f"{term}_high"]].to_numpy(float))


def _levels(plot: figure, x: Ends, y: Ends) -> None:
    """Lines of equal −ELBO, each with its value where it enters at the left.

    Only the lowest says what the values are: the curves start at the upper left.
    """
    levels = MaxNLocator(_LEVELS).tick_values(x[0] + y[0], x[1] + y[1])
    named = [level for level in levels if y[0] < level - x[0] < y[1]]
    for level in levels:
        plot.add_layout(Slope(gradient=-1, y_intercept=level, line_width=1, level="underlay"))
    for level in named:
        words = printed(level, "g")
        words = _("−ELBO {value}").format(value=words) if level == named[0] else words
        plot.add_layout(_label(words, x[0], level - x[0]))


def _label(words: str, x: float, y: float) -> Label:
    return Label(
        x=x,
        y=y,
        x_offset=3,
        y_offset=1,
        text=words,
        text_font=made.FONT,
        text_font_size=made.SMALL,
        level="underlay",
    )


def _curve(plot: figure, rows: pd.DataFrame, name: str) -> list[GlyphRenderer]:
    """The marks of one objective: its line, its bars both ways, its points with their sizes."""
    line = style.line_of(name, "neg_elbo")
    source, colour = ColumnDataSource(_columns(rows)), line.colour
    drawn = Line(x="rate", y="reconstruction", line_width=2, line_dash=made.dashes(line))
    points = Scatter(x="rate", y="reconstruction", size=9, marker=MARKERS[line.marker])
    across = ("rate_low", "reconstruction", "rate_high", "reconstruction")
    upright = ("rate", "reconstruction_low", "rate", "reconstruction_high")
    sizes = Text(x="rate", y="reconstruction", text="mark", x_offset=7, y_offset=-5)
    sizes.update(text_font=value(made.FONT), text_font_size=value(made.SMALL))
    marks = [
        made.add(plot, source, drawn, {"line_color": colour}),
        made.bars(plot, source, across, colour),
        made.bars(plot, source, upright, colour),
        made.add(plot, source, points, {"fill_color": colour, "line_color": colour}),
        plot.add_glyph(source, sizes),
    ]
    words = [
        _("latent size: {size}").format(size="@{size}"),
        _("rate: {value}").format(value="@{rate_words}"),
        _("reconstruction: {value}").format(value="@{reconstruction_words}"),
        _("seeds: {count}").format(count="@{seeds}"),
    ]
    made.hover(plot, [marks[3]], made.tip(headed(style.TRAINED_WITH[name]), *words))
    return marks


def _columns(rows: pd.DataFrame) -> dict[str, Any]:
    """The means over seeds with their intervals, a row a size; `mark` where it has room."""
    groups = rows.groupby("latent_size")
    means = groups.mean(numeric_only=True)
    roomy = set(style.roomy(list(means.index), most=14))
    columns = {
        "size": list(means.index),
        "seeds": list(groups["seed"].nunique()),
        "mark": [str(size) if size in roomy else "" for size in means.index],
    }
    for term in _TERMS:
        ends = means[[term, f"{term}_low", f"{term}_high"]].to_numpy(float)
        columns |= {
            term: ends[:, 0],
            f"{term}_low": np.where(np.isnan(ends[:, 1]), ends[:, 0], ends[:, 1]),
            f"{term}_high": np.where(np.isnan(ends[:, 2]), ends[:, 0], ends[:, 2]),
            f"{term}_words": [with_interval(*each) for each in ends],
        }
    return columns
