"""Every latent space on a plane, point for point the same examples: selected in one, in all.

Only the shown examples are here, since a run keeps the pictures of no others. All panels draw from
one source, so that what is selected in one panel is selected in every other.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    LassoSelectTool,
    PanTool,
    Range1d,
    Scatter,
    TapTool,
)
from bokeh.plotting import figure

from latentsweep.language import _
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures import tsne
from latentsweep.show.members import few, objectives
from latentsweep.show.report.live import plots as made
from latentsweep.show.report.tiles import thumbnails

MOST_EXAMPLES, MOST_BYTES = 1_000, 6_000_000
_HEIGHT = 260
_MUTED = {"fill_color": "#8b949e", "fill_alpha": 0.13, "line_color": None}


def plots(run: RunFolder) -> list[figure]:
    """A panel a network, all over one source."""
    rows, chosen, pictures = _shown(run)
    if rows.empty:
        return []
    members = rows.drop_duplicates("member")
    source = ColumnDataSource(_columns(rows, chosen, pictures), name="examples")
    content = _tip(run, bool((rows["label"] >= 0).any()))
    panels = []
    for name in objectives(members):
        ordered = members[members["objective"] == name].sort_values("latent_size", kind="stable")
        panels += [_panel(source, panel, content) for panel in ordered.to_dict("records")]
    return panels


def _shown(run: RunFolder) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """The projected ones of the shown examples: the figure's rows, their places, their pictures."""
    rows, indices = tsne.table(run), run.examples().indices
    positions, pictures = affordable(*thumbnails(run, MOST_EXAMPLES), MOST_BYTES)
    there = np.isin(indices[positions], rows["example"])
    chosen = indices[positions][there]
    kept = [picture for picture, is_there in zip(pictures, there, strict=True) if is_there]
    return rows[rows["example"].isin(chosen)], chosen, kept


def affordable(
    positions: np.ndarray, pictures: list[str], most: int
) -> tuple[np.ndarray, list[str]]:
    """Positions and pictures, evenly thinned until the pictures have at most so many bytes."""
    count = len(pictures)
    while sum(map(len, pictures)) > most:
        count = min(count - 1, int(count * most / sum(map(len, pictures))))
        kept = few(range(len(pictures)), count)
        positions, pictures = positions[kept], [pictures[place] for place in kept]
    return positions, pictures


def _columns(rows: pd.DataFrame, chosen: np.ndarray, pictures: Sequence[str]) -> dict[str, Any]:
    """What is known of each example, and where it lies in every panel."""
    first = rows.drop_duplicates("example").set_index("example").loc[chosen]
    labels = first["label"].to_numpy()
    light = style.class_colours(labels)
    columns = {
        "place": chosen.astype("int32"),
        "label": labels.astype("int32"),
        "class": [str(name) for name in first["class_name"]],
        "picture": list(pictures),
        "light": list(light),
        "dark": [style.on_dark(colour) for colour in light],
    }
    for member, panel in rows.groupby("member", sort=False):
        points = panel.set_index("example").loc[chosen]
        columns |= {f"{axis} {member}": points[axis].to_numpy("float32") for axis in "xy"}
    return columns


def _panel(source: ColumnDataSource, panel: dict, content: str) -> figure:
    """One network's panel, without axes, its two coordinates on one scale where both mean some."""
    x, y = (np.asarray(source.data[f"{axis} {panel['member']}"]) for axis in "xy")
    x_range, y_range = _square(x, y, same_scale=panel["latent_size"] > 1)
    plot = made.blank(_label(panel), _HEIGHT, x_range=x_range, y_range=y_range)
    plot.update(height=None, aspect_ratio=1, toolbar_location="right", min_border=0)
    plot.update(outline_line_color=style.FAINT)
    plot.axis.visible, plot.grid.visible = False, False
    plot.tools = made.tools(
        BoxSelectTool(description=_("Select with a box")),
        LassoSelectTool(description=_("Select with a lasso")),
        TapTool(description=_("Select a point")),
        PanTool(description=_("Move")),
    )
    plot.toolbar.update(active_drag=plot.tools[0])
    plot.add_layout(made.titled(_title(panel)), "above")
    made.hover(plot, [_points(plot, source, panel["member"])], content, limit=1)
    return plot


def _points(plot: figure, source: ColumnDataSource, member: str):
    at = {"x": {"field": f"x {member}"}, "y": {"field": f"y {member}"}, "size": 5}
    plain = _coloured(Scatter(**at, fill_alpha=0.75, line_color=None))
    chosen = _coloured(Scatter(**at, fill_alpha=1, line_color=None))
    muted = Scatter(**at, **_MUTED)
    return plot.add_glyph(source, plain, selection_glyph=chosen, nonselection_glyph=muted)


def _coloured(points: Scatter) -> Scatter:
    """Points in the colour of their class, on a light page and on a dark one."""
    schemes = {name: {"fill_color": {"field": name}} for name in ("light", "dark")}
    points.update(**schemes["light"], tags=[schemes])
    return points


def _square(x: np.ndarray, y: np.ndarray, same_scale: bool) -> tuple[Range1d, Range1d]:
    """Ranges that hold all points with a margin, both as wide where they have one scale."""
    least = max(np.ptp(x), np.ptp(y)) if same_scale else 0.0
    return _around(x, least), _around(y, least)


def _around(values: np.ndarray, least: float) -> Range1d:
    middle = (float(values.max()) + float(values.min())) / 2
    reach = 0.53 * max(float(np.ptp(values)), float(least)) + 1e-6
    return Range1d(start=middle - reach, end=middle + reach)


def _label(panel: dict) -> str:
    """The accessible name of a panel."""
    words = (
        _("t-SNE, {trained}, latent size {size}")
        if panel["method"] == "t-SNE"
        else _("The codes, {trained}, latent size {size}")
    )
    return words.format(trained=style.TRAINED_WITH[panel["objective"]], size=panel["latent_size"])


def _title(panel: dict) -> str:
    words = _("size {size}") if panel["method"] == "t-SNE" else _("size {size}: the codes")
    trained = style.TRAINED_WITH[panel["objective"]]
    return f"{words.format(size=panel['latent_size'])}\n{trained}"


def _tip(run: RunFolder, labelled: bool) -> str:
    """The picture of an example, its class, and its place in the test split."""
    manifest = run.manifest()
    images = manifest["data"]["image"]
    rendering, ground = ("pixelated", "#ffffff") if images else ("auto", style.INK)
    look = f"display:block;width:84px;image-rendering:{rendering};background:{ground}"
    words = _("test {item} {place}").format(item=sentences.item(manifest), place="@{place}")
    named = "<b>@{class}</b><br>" if labelled else ""
    return f'<img src="@{{picture}}" alt="" style="{look}">{named}{escape(words)}'
