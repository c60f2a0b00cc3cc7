"""An empty plot in the look of the page, and the parts that all plots share.

What the pointer shows is HTML that a plot's words and its source's columns are filled into: Bokeh
escapes the columns, and the words are escaped here. The page's script recolours axes and the like
for a dark page; what has a colour of its own carries both in its `tags`.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, TypeVar

import numpy as np
from bokeh.model import Model
from bokeh.models import (
    BasicTicker,
    BasicTickFormatter,
    BoxZoomTool,
    ColumnDataSource,
    FixedTicker,
    GlyphRenderer,
    HoverTool,
    Legend,
    LegendItem,
    PanTool,
    Range1d,
    ResetTool,
    SaveTool,
    Segment,
    Title,
    Tool,
    WheelZoomTool,
)
from bokeh.models.glyph import Glyph
from bokeh.plotting import figure

from latentsweep.language import _
from latentsweep.show import style

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
SMALL, TEXT = "11px", "12px"
Drawn = TypeVar("Drawn", bound=Model)
_TIP = (
    '<div style="margin:-5px;padding:7px 9px;font:12px/1.45 var(--base-font);'
    'color:var(--live-ink,#1f2328);background:var(--live-page,#ffffff)">{content}</div>'
)


def blank(label: str, height: int, **settings: Any) -> figure:
    """A plot without marks, as wide as its place on the page.

    Args:
        label: its accessible name.
        height: in pixels.
        settings: further attributes of the figure.
    """
    plot = figure(
        name=label,
        sizing_mode="stretch_width",
        height=height,
        tools=tools(PanTool(description=_("Move"))),
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        toolbar_location="above",
        min_border_right=12,
        **settings,
    )
    plot.toolbar.logo = None
    for axis in plot.axis:
        _letter(axis)
    plot.xgrid.grid_line_color = None
    return plot


def tools(*first: Tool) -> list[Tool]:
    """The given tools, the first of them active, and those that every plot has."""
    return [
        *first,
        WheelZoomTool(description=_("Zoom with the wheel")),
        BoxZoomTool(description=_("Zoom into a box")),
        ResetTool(description=_("Show everything again")),
        SaveTool(description=_("Save as a picture")),
    ]


def _letter(axis: Any) -> None:
    """Set an axis in the page's type."""
    axis.axis_label_text_font = axis.major_label_text_font = FONT
    axis.axis_label_text_font_size, axis.major_label_text_font_size = TEXT, SMALL
    axis.axis_label_text_font_style = "normal"
    axis.minor_tick_line_color = None
    axis.formatter = BasicTickFormatter(use_scientific=False)


def name_axes(plot: figure, x: str, y: str) -> None:
    """Write what the axes are."""
    plot.xaxis.axis_label, plot.yaxis.axis_label = x, y


def titled(words: str) -> Title:
    """Words to stand over a plot."""
    title = Title(text=words, text_font=FONT, text_font_size=TEXT, text_font_style="normal")
    title.standoff = 4
    return title


def whole_numbers(plot: figure) -> None:
    """Ticks along x at whole numbers only."""
    plot.xaxis.ticker = BasicTicker(min_interval=1)


def size_axis(plot: figure, sizes: Sequence[int], most_ticks: int = 12) -> None:
    """Latent sizes along x, with ticks at those that have room; for a logarithmic axis."""
    plot.xaxis.ticker = FixedTicker(ticks=style.roomy(sizes, most_ticks))
    plot.x_range = Range1d(start=min(sizes) / 1.25, end=max(sizes) * 1.25)


def margined(values: np.ndarray, share: float = 0.08) -> tuple[float, float]:
    """The ends of a range that holds the finite ones of some values and a margin."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = (high - low or 1.0) * share
    return low - margin, high + margin


def add(
    plot: figure,
    source: ColumnDataSource,
    glyph: Glyph,
    colours: Mapping[str, str],
    **others: Glyph,
) -> GlyphRenderer:
    """A glyph on a plot.

    Args:
        plot: where it is drawn.
        source: the columns that it is drawn from.
        glyph: without colours.
        colours: its colour attributes on a white page; a dark page gets lighter ones.
        others: how it looks where `hover_glyph` and the like say something else.
    """
    return plot.add_glyph(source, coloured(glyph, colours), **others)


def coloured(model: Drawn, colours: Mapping[str, str]) -> Drawn:
    """A model with its colours on a white page, and in its tags those on a dark page as well."""
    dark = {name: style.on_dark(colour) for name, colour in colours.items()}
    model.update(**colours, tags=[{"light": dict(colours), "dark": dark}])
    return model


def bars(
    plot: figure, source: ColumnDataSource, ends: tuple[str, str, str, str], colour: str
) -> GlyphRenderer:
    """Interval bars between two columns of x and two of y: `x0`, `y0`, `x1`, `y1`."""
    x0, y0, x1, y1 = ends
    segment = Segment(x0=x0, y0=y0, x1=x1, y1=y1, line_width=1.4)
    return add(plot, source, segment, {"line_color": colour})


def dashes(line: style.Line) -> list[int]:
    """The dashes of a line in pixels; none for a line that is whole."""
    return [] if isinstance(line.dash, str) else [max(2, round(2 * part)) for part in line.dash[1]]


def hover(plot: figure, renderers: Sequence[GlyphRenderer], content: str, **settings: Any) -> None:
    """Show something of what is under the pointer.

    Args:
        plot: which one.
        renderers: the marks that have something to show.
        content: HTML; `@{column}` stands for the value of the source's column.
        settings: further attributes of the tool.
    """
    plot.add_tools(
        HoverTool(
            renderers=list(renderers),
            tooltips=_TIP.format(content=content),
            show_arrow=False,
            visible=False,
            **settings,
        )
    )


def tip(head: str, *lines: str) -> str:
    """A heading in bold over lines, as HTML; the words are plain text."""
    return "<br>".join([f"<b>{escape(head)}</b>", *(escape(line) for line in lines)])


def legend(
    plot: figure, entries: Mapping[str, Sequence[GlyphRenderer]], title: str = "", columns: int = 1
) -> None:
    """A legend below the plot; a click on an entry hides its marks."""
    items = [LegendItem(label=name, renderers=list(marks)) for name, marks in entries.items()]
    made = Legend(
        items=items,
        title=title or None,
        location="top_left",
        orientation="horizontal",
        ncols=columns,
        click_policy="hide",
        background_fill_color=None,
        border_line_color=None,
        label_text_font=FONT,
        label_text_font_size=TEXT,
        title_text_font=FONT,
        title_text_font_size=TEXT,
        title_text_font_style="normal",
        margin=4,
        spacing=4,
    )
    plot.add_layout(made, "below")
    plot.height = (plot.height or 0) + 24 * -(-len(items) // columns)
