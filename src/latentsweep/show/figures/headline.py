"""The report's loss against the true −ELBO, by latent size: the point of the whole study."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.members import finished


def table(run: RunFolder) -> pd.DataFrame:
    """One row a line, latent size and seed: `value`, in the `unit` of the run."""
    manifest = run.manifest()
    members = finished(run.results())
    drawn = [
        members[members["objective"] == objective]
        .assign(quantity=quantity, value=lambda rows, quantity=quantity: rows[quantity])
        .loc[:, ["objective", "quantity", "latent_size", "seed", "value"]]
        for objective, quantity in style.LINES
    ]
    return pd.concat(drawn, ignore_index=True).assign(
        no_latent=float(manifest["bounds"]["no_latent"]), unit=sentences.unit(manifest)
    )


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """One line a quantity through its means over seeds, each seed a light dot."""
    figure = Figure(figsize=(style.PAGE_WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    style.size_axis(axes, list(rows["latent_size"]))
    ends = [draw_line(axes, rows[places], style.LINES[key]) for key, places in lines(rows).items()]
    axes.set_ylabel(f"{rows['unit'].iloc[0]}, test split")
    axes.grid(visible=True, axis="y")
    _reference(axes, rows["no_latent"].iloc[0])
    style.label_ends(axes, ends)
    return figure


def lines(rows: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    """Which rows make each line, in the order of the style's lines; only lines with rows."""
    keys = {
        (objective, quantity): (rows["objective"] == objective) & (rows["quantity"] == quantity)
        for objective, quantity in style.LINES
    }
    return {key: places for key, places in keys.items() if places.any()}


def draw_line(axes: Axes, rows: pd.DataFrame, line: style.Line) -> style.End:
    """Draw the means of `value` by latent size, and the seeds if there are several; its end."""
    means = rows.groupby("latent_size")["value"].mean()
    axes.plot(
        means.index,
        means,
        color=line.colour,
        marker=line.marker,
        linestyle=line.dash,
        markeredgecolor="white",
        markeredgewidth=0.5,
    )
    if rows["seed"].nunique() > 1:
        axes.scatter(
            rows["latent_size"], rows["value"], s=9, color=line.colour, alpha=0.35, linewidths=0
        )
    return style.End(means.index[-1], means.iloc[-1], line.label, line.colour)


def caption(rows: pd.DataFrame) -> str:
    """What the lines are and where they start and end."""
    parts = [
        f"{_WORDS[key]} goes from {_span(rows[places])}" for key, places in lines(rows).items()
    ]
    text = "; ".join(parts)
    text = text if rows["latent_size"].nunique() > 1 else text.replace(" goes from ", " is ")
    several = rows["seed"].nunique() > 1
    dots = " Lines join the means over seeds; each light dot is one seed." if several else ""
    return f"{sentences.headed(text)} ({rows['unit'].iloc[0]}, test split).{dots} {_seeds(rows)}"


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    names = [
        line.label.replace("\n", " ") for key, line in style.LINES.items() if key in lines(rows)
    ]
    return f"Line chart against the latent size: {sentences.listed(names)}."


_WORDS = {
    ("keras-blog", "loss"): "the report's loss (not an ELBO)",
    ("keras-blog", "neg_elbo"): "the true −ELBO of those same networks",
    ("elbo", "neg_elbo"): "the −ELBO of the networks trained with the ELBO",
}


def _span(rows: pd.DataFrame) -> str:
    means = rows.groupby("latent_size")["value"].mean()
    ends = [means.index[0]] if len(means) == 1 else [means.index[0], means.index[-1]]
    return " to ".join(f"{sentences.number(means[size])} at size {size}" for size in ends)


def _seeds(rows: pd.DataFrame) -> str:
    words = sentences.judged(rows.drop_duplicates(["objective", "latent_size", "seed"]))
    return f"{sentences.headed(words[1:-1])}."


def _reference(axes: Axes, no_latent: float) -> None:
    """A thin line at the model without a latent, where that lies among the points."""
    low, high = axes.get_ylim()
    if low <= no_latent <= high:
        axes.axhline(no_latent, color=style.QUIET, linewidth=0.7, linestyle=(0, (1, 2)))
        axes.annotate(
            "a model without a latent",
            xy=(0.99, no_latent),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            fontsize=style.SMALL,
            color=style.QUIET,
        )
