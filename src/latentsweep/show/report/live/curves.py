"""Learning curves: the training loss of every member against the epoch."""

import pandas as pd
from bokeh.models import ColumnDataSource, GlyphRenderer, MultiLine, Scatter
from bokeh.plotting import figure

from latentsweep.language import _, headed
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures import curves
from latentsweep.show.members import failed, finished, objectives
from latentsweep.show.report.live import plots as made
from latentsweep.show.report.live import sizes

_HEIGHT = 300


def plots(run: RunFolder) -> list[figure]:
    """A plot an objective, a line a member."""
    rows = curves.table(run)
    rows = rows[rows["loss"].notna()]
    return [_plot(rows[rows["objective"] == name], name) for name in objectives(rows)]


def _plot(rows: pd.DataFrame, name: str) -> figure:
    good = finished(rows) if len(finished(rows)) else rows
    label = _("Learning curves, {trained}").format(trained=style.TRAINED_WITH[name])
    y_range = made.margined(good["loss"].to_numpy(float))
    plot = made.blank(label, _HEIGHT, y_range=y_range)
    plot.add_layout(made.titled(headed(style.TRAINED_WITH[name])), "above")
    made.whole_numbers(plot)
    unit = rows["unit"].iloc[0]
    made.name_axes(plot, _("epoch"), _("training loss ({unit})").format(unit=unit))
    shown = rows.assign(height=rows["loss"].clip(good["loss"].min(), good["loss"].max()))
    colours = sizes.colours(sorted(set(rows["latent_size"])))
    marks = {
        size: _lines(plot, shown[shown["latent_size"] == size], colour)
        for size, colour in colours.items()
    }
    _hover(plot, [drawn[0] for drawn in marks.values()])
    sizes.legend(plot, marks)
    return plot


def _lines(plot: figure, rows: pd.DataFrame, colour: str) -> list[GlyphRenderer]:
    """The marks of one size: its members' epochs, their lines, and crosses where they failed."""
    drawn = [
        _members(plot, part, colour, dash)
        for part, dash in ((finished(rows), []), (failed(rows), [2, 3]))
        if len(part)
    ]
    return [_points(plot, rows, colour), *drawn, *_crosses(plot, failed(rows))]


def _members(plot: figure, rows: pd.DataFrame, colour: str, dash: list[int]) -> GlyphRenderer:
    """A line a member."""
    members = [member for _name, member in rows.groupby("member", sort=False)]
    source = ColumnDataSource(
        {
            "epochs": [list(member["epoch"]) for member in members],
            "losses": [list(member["height"].round(4)) for member in members],
        }
    )
    lines = MultiLine(xs="epochs", ys="losses", line_width=1.6, line_dash=dash)
    return made.add(plot, source, lines, {"line_color": colour})


def _crosses(plot: figure, rows: pd.DataFrame) -> list[GlyphRenderer]:
    """A cross at the last epoch of each member that failed."""
    ends = rows.drop_duplicates("member", keep="last")
    if ends.empty:
        return []
    source = ColumnDataSource({"epoch": list(ends["epoch"]), "loss": list(ends["height"])})
    cross = Scatter(x="epoch", y="loss", size=10, marker="x", line_width=2.5)
    return [made.add(plot, source, cross, {"line_color": style.INK})]


def _points(plot: figure, rows: pd.DataFrame, colour: str) -> GlyphRenderer:
    """The epochs of a size's members: to be pointed at, seen where a member has only one."""
    source = ColumnDataSource(
        {
            "epoch": rows["epoch"].to_numpy("int32"),
            "height": rows["height"].to_numpy("float32"),
            "size": rows["latent_size"].to_numpy("int32"),
            "seed": rows["seed"].to_numpy("int32"),
            "words": [sentences.number(loss) for loss in rows["loss"]],
        }
    )
    seen = 1.0 if rows["epoch"].nunique() == 1 else 0.0
    unseen = Scatter(x="epoch", y="height", size=8, fill_alpha=seen, line_color=None)
    pointed = Scatter(x="epoch", y="height", size=8, line_color=None)
    made.coloured(pointed, {"fill_color": colour})
    return made.add(plot, source, unseen, {"fill_color": colour}, hover_glyph=pointed)


def _hover(plot: figure, points: list[GlyphRenderer]) -> None:
    head = _("latent size {size}, seed {seed}").format(size="@{size}", seed="@{seed}")
    loss = _("epoch {epoch}: training loss {loss}").format(epoch="@{epoch}", loss="@{words}")
    made.hover(plot, points, made.tip(head, loss), limit=3)
