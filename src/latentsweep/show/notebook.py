"""A run as a notebook shows it: what it answers, its first figure, and its table of results."""

from collections.abc import Iterable
from html import escape
from itertools import groupby

from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures import headline
from latentsweep.show.report.opening import opening


def notebook(run: RunFolder) -> str:
    """HTML of a run, for `_repr_html_`; names of the data stay text."""
    says, manifest = opening(run), run.manifest()
    title = f"<h3>{escape(says.title)}</h3><p>{escape(says.lede)}</p>"
    columns = sentences.results_columns(run.results(), manifest)
    groups = [(name, len(list(group))) for name, group in groupby(columns, lambda c: c.group)]
    wide = "".join(f'<th colspan="{width}">{escape(name)}</th>' for name, width in groups)
    head = f"<tr>{wide}</tr>{_row('th', (column.title for column in columns))}"
    rows = "".join(_row("td", row) for row in sentences.results_rows(run.results()))
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return f"<div>{title}{_figure(run)}{table}<p>{escape(str(run.path))}</p></div>"


def _figure(run: RunFolder) -> str:
    """The headline as SVG; nothing where no network finished."""
    rows = headline.table(run)
    if rows.empty:
        return ""
    drawn = style.saved(headline.draw(rows), "svg", "notebook").decode("utf-8")
    return f'<div style="max-width: 44rem">{drawn[drawn.index("<svg") :]}</div>'


def _row(kind: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{kind}>{escape(cell)}</{kind}>' for cell in cells)}</tr>"
