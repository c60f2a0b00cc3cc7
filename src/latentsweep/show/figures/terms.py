"""Reconstruction and rate against the latent size, side by side with their sum, the −ELBO."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentsweep.language import _, headed, listed, marked
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures.headline import draw_line
from latentsweep.show.members import finished, objectives

PANELS = {
    "reconstruction": marked("reconstruction"),
    "rate": marked("+ rate (KL)"),
    "neg_elbo": marked("= −ELBO"),
}


def table(run: RunFolder) -> pd.DataFrame:
    """One row a member and term of the true −ELBO: `value`, in the `unit` of the run."""
    kept = ["objective", "latent_size", "seed"]
    terms = finished(run.results())[[*kept, *PANELS]]
    return terms.melt(kept, var_name="term").assign(unit=sentences.unit(run.manifest()))


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """Three panels, one a term, that span the same number of nats; one line an objective."""
    figure = Figure(figsize=(style.PAGE_WIDTH, 2.9), layout="constrained")
    panels = figure.subplots(1, len(PANELS))
    ends: list[style.End] = []
    for axes, (term, title) in zip(panels, PANELS.items(), strict=True):
        part = rows[rows["term"] == term]
        ends = _draw_lines(axes, part)
        axes.set_title(_(title))
        style.number_axis(axes.yaxis)
        axes.grid(visible=True, axis="y")
        style.size_axis(axes, list(rows["latent_size"]), most_ticks=6)
        axes.set_xlabel(_("latent size"))
        _span_nats(axes, part["value"], _widest(rows))
    panels[0].set_ylabel(_("{unit}, test split").format(unit=rows["unit"].iloc[0]))
    style.label_ends(panels[-1], ends)
    return figure


def caption(rows: pd.DataFrame) -> str:
    """Where each term starts and ends, for each objective."""
    parts = [_terms_of(rows[rows["objective"] == name], name) for name in objectives(rows)]
    words = _(
        "The two terms of the true −ELBO ({unit}, test split); every panel spans as many nats, so "
        "slopes compare across them."
    )
    return " ".join([words.format(unit=rows["unit"].iloc[0]), *parts])


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    words = _(
        "Three line charts against the latent size: reconstruction, rate and their sum, the "
        "−ELBO, for networks {trained}."
    )
    return words.format(trained=listed(style.TRAINED_WITH[name] for name in objectives(rows)))


def _draw_lines(axes: Axes, rows: pd.DataFrame) -> list[style.End]:
    """Draw one line an objective; their ends, labelled by the objective."""
    ends = []
    for name in objectives(rows):
        line = style.line_of(name, "neg_elbo")
        end = draw_line(axes, rows[rows["objective"] == name], line)
        label = style.TRAINED_WITH_IN_TWO_LINES[name]
        ends.append(style.End(end.x, end.y, label, line.colour))
    return ends


def _widest(rows: pd.DataFrame) -> float:
    """The number of nats that holds every term's values with a margin."""
    values = rows.groupby("term")["value"]
    return 1.15 * max(float((values.max() - values.min()).max()), 1.0)


def _span_nats(axes: Axes, values: pd.Series, nats: float) -> None:
    middle = (values.max() + values.min()) / 2
    axes.set_ylim(middle - nats / 2, middle + nats / 2)


def _terms_of(rows: pd.DataFrame, name: str) -> str:
    means = rows.pivot_table(values="value", index="latent_size", columns="term")
    ends = means.iloc[[0, -1] if len(means) > 1 else [0]].map(sentences.number)
    sums = [
        _("{reconstruction} + {rate} = {neg_elbo} at size {size}").format(size=size, **row)
        for size, row in ends.iterrows()
    ]
    words = _("{trained}: {sums}.")
    return words.format(trained=headed(style.TRAINED_WITH[name]), sums=listed(sums))
