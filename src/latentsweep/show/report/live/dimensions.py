"""KL per latent dimension, from the largest, a line a latent size."""

import pandas as pd
from bokeh.models import ColumnDataSource, DataRange1d, FixedTicker, GlyphRenderer, Range1d, Scatter
from bokeh.models.glyphs import Line
from bokeh.plotting import figure

from latentsweep.language import _, headed, printed
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures import dimensions
from latentsweep.show.members import objectives
from latentsweep.show.report.live import plots as made
from latentsweep.show.report.live import sizes

_HEIGHT = 300
_WIDEST_LINEAR = 32


def plots(run: RunFolder) -> list[figure]:
    """A plot an objective."""
    rows = dimensions.table(run)
    return [_plot(rows[rows["objective"] == name], name) for name in objectives(rows)]


def _plot(rows: pd.DataFrame, name: str) -> figure:
    label = _("KL per latent dimension, {trained}").format(trained=style.TRAINED_WITH[name])
    widest = int(rows["rank"].max())
    scale = "linear" if widest <= _WIDEST_LINEAR else "log"
    plot = made.blank(label, _HEIGHT, x_axis_type=scale, y_range=DataRange1d(start=0))
    plot.add_layout(made.titled(headed(style.TRAINED_WITH[name])), "above")
    _rank_axis(plot, widest)
    unit = rows["unit"].iloc[0]
    made.name_axes(plot, _("dimension, by rank"), _("KL ({unit})").format(unit=unit))
    colours = sizes.colours(sorted(set(rows["latent_size"])))
    marks = {
        size: _line(plot, rows[rows["latent_size"] == size], colour)
        for size, colour in colours.items()
    }
    _hover(plot, [drawn[-1] for drawn in marks.values()])
    sizes.legend(plot, marks)
    return plot


def _rank_axis(plot: figure, widest: int) -> None:
    """Ticks at whole ranks, at powers of two where there are many."""
    if widest <= _WIDEST_LINEAR:
        made.whole_numbers(plot)
        plot.x_range = Range1d(start=0.5, end=widest + 0.5)
    else:
        plot.x_range = Range1d(start=0.9, end=widest * 1.1)
        plot.xaxis.ticker = FixedTicker(ticks=[2**n for n in range(widest.bit_length())])


def _line(plot: figure, rows: pd.DataFrame, colour: str) -> list[GlyphRenderer]:
    """The marks of one size: a line and its points."""
    kl = rows["kl"].to_numpy(float)
    total = kl.sum() or 1.0
    source = ColumnDataSource(
        {
            "rank": rows["rank"].to_numpy("int32"),
            "kl": kl.astype("float32"),
            "size": rows["latent_size"].to_numpy("int32"),
            "words": [printed(value, ".2f") for value in kl],
            "share": [sentences.share(value / total) for value in kl],
        }
    )
    points = Scatter(x="rank", y="kl", size=6, line_color=None)
    return [
        made.add(plot, source, Line(x="rank", y="kl", line_width=1.6), {"line_color": colour}),
        made.add(plot, source, points, {"fill_color": colour}),
    ]


def _hover(plot: figure, points: list[GlyphRenderer]) -> None:
    words = [
        _("rank: {rank}").format(rank="@{rank}"),
        _("{value} nats").format(value="@{words}"),
        _("{share} of the rate").format(share="@{share}"),
    ]
    head = _("latent size: {size}").format(size="@{size}")
    made.hover(plot, points, made.tip(head, *words), limit=4)
