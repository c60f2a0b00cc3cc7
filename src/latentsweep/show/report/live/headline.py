"""The report's loss and the true −ELBO by latent size, with what the answers recommend."""

from typing import Any

import pandas as pd
from bokeh.models import BoxAnnotation, ColumnDataSource, GlyphRenderer, Scatter, Span
from bokeh.models.glyphs import Line
from bokeh.plotting import figure

from latentsweep.language import _
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures import headline
from latentsweep.show.report.live import plots as made

MARKERS = {"s": "square", "^": "triangle", "o": "circle", "D": "diamond"}
_HEIGHT = 330
_MARGIN = 1.06  # of the band over the recommended sizes, on the logarithmic axis


def plots(run: RunFolder) -> list[figure]:
    """One plot, a line a quantity."""
    rows = headline.table(run)
    plot = made.blank(_("The losses by latent size"), _HEIGHT, x_axis_type="log")
    made.size_axis(plot, list(rows["latent_size"]))
    unit = rows["unit"].iloc[0]
    made.name_axes(plot, _("latent size"), _("{unit}, test split").format(unit=unit))
    _recommended(plot, rows.iloc[0])
    entries = {
        style.line_of(*key).label.replace("\n", " "): _line(plot, rows[places], style.line_of(*key))
        for key, places in headline.lines(rows).items()
    }
    made.legend(plot, entries)
    return [plot]


def _line(plot: figure, rows: pd.DataFrame, line: style.Line) -> list[GlyphRenderer]:
    """The marks of one quantity: its line, its bars, the seeds if there are several, its means."""
    source, colour = ColumnDataSource(_columns(rows)), line.colour
    ends = ("size", "low", "size", "high")
    drawn = Line(x="size", y="value", line_width=2, line_dash=made.dashes(line))
    points = Scatter(x="size", y="value", size=9, marker=MARKERS[line.marker])
    marks = [
        made.add(plot, source, drawn, {"line_color": colour}),
        made.bars(plot, source, ends, colour),
        *_seeds(plot, rows, colour),
        made.add(plot, source, points, {"fill_color": colour, "line_color": colour}),
    ]
    words = [
        _("latent size: {size}").format(size="@{size}"),
        _("{value} {unit}").format(value="@{words}", unit=rows["unit"].iloc[0]),
        _("seeds: {count}").format(count="@{seeds}"),
    ]
    made.hover(plot, marks[-1:], made.tip(line.label.replace("\n", " "), *words))
    return marks


def _seeds(plot: figure, rows: pd.DataFrame, colour: str) -> list[GlyphRenderer]:
    """A light dot a network, where a size has several."""
    if rows["seed"].nunique() < 2:
        return []
    source = ColumnDataSource({"size": list(rows["latent_size"]), "value": list(rows["value"])})
    dots = Scatter(x="size", y="value", size=5, fill_alpha=0.35, line_color=None)
    return [made.add(plot, source, dots, {"fill_color": colour})]


def _columns(rows: pd.DataFrame) -> dict[str, Any]:
    """The means over seeds with their intervals, a row a size."""
    groups = rows.groupby("latent_size")
    means = groups[["value", "value_low", "value_high"]].mean()
    return {
        "size": list(means.index),
        "value": list(means["value"]),
        "low": list(means["value_low"]),
        "high": list(means["value_high"]),
        "seeds": list(groups["seed"].nunique()),
        "words": [with_interval(*values) for values in means.to_numpy()],
    }


def with_interval(value: float, low: float, high: float) -> str:
    """A number with its interval in brackets; alone where it has none."""
    words = sentences.number(value)
    if pd.isna(low):
        return words
    return f"{words} [{sentences.number(low)}; {sentences.number(high)}]"


def _recommended(plot: figure, row: pd.Series) -> None:
    """A band over the set of sizes, a dashed line at the one recommended, and what they are."""
    if not row["recommended"]:
        return
    band = BoxAnnotation(
        left=row["least"] / _MARGIN,
        right=row["most"] * _MARGIN,
        fill_color="#7f8b97",
        fill_alpha=0.18,
        line_color=None,
        level="underlay",
    )
    line = Span(location=row["recommended"], dimension="height", line_dash=[5, 4], line_width=1.5)
    words = _("dashed line: recommended size {size}\nshaded: its {share} set, {sizes}").format(
        size=row["recommended"],
        share=sentences.share(row["confidence"]),
        sizes=sentences.ranged(row["least"], row["most"]),
    )
    plot.add_layout(band)
    plot.add_layout(made.coloured(line, {"line_color": style.INK}))
    plot.add_layout(made.titled(words), "below")
    plot.height = _HEIGHT + 36
