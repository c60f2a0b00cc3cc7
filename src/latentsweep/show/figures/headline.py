"""The report's loss against the true −ELBO, by latent size: the point of the whole study."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentsweep.language import _, headed, listed, marked
from latentsweep.record.folder import RunFolder
from latentsweep.show import intervals, sentences, style, variants
from latentsweep.show.figures import recommended
from latentsweep.show.members import finished, objectives


def table(run: RunFolder) -> pd.DataFrame:
    """One row a line, latent size and seed: `value`, in the `unit` of the run.

    `value_low` and `value_high` are the interval of the mean over seeds, and `over` says what
    varies in it; `recommended` and the columns after it are those of the recommended size.
    """
    manifest = run.manifest()
    members = finished(run.results())
    drawn = [
        _line(run, members[members["objective"] == objective], quantity)
        for objective in objectives(run.results())
        for quantity in style.quantities(objective)
        if quantity != "linear" or sentences.has_linear(members)
    ]
    return pd.concat([rows for rows in drawn if not rows.empty] or drawn, ignore_index=True).assign(
        no_latent=float(manifest["bounds"]["no_latent"]),
        unit=sentences.unit(manifest),
        **recommended.named(run),
    )


def _line(run: RunFolder, members: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """The rows of one line, each with the interval of its size."""
    rows = members[["objective", "latent_size", "seed"]].assign(
        quantity=quantity, value=members[quantity]
    )
    bars = intervals.means(run, members, quantity).drop(columns="value")
    return rows.merge(
        bars.rename(columns={"low": "value_low", "high": "value_high"}),
        on=["objective", "latent_size"],
        how="left",
    )


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """One line a quantity through its means over seeds, with bars, each seed a light dot."""
    figure = Figure(figsize=(style.PAGE_WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    style.size_axis(axes, list(rows["latent_size"]))
    for key, places in lines(rows).items():
        points = rows[places].groupby("latent_size", as_index=False).mean(numeric_only=True)
        style.whiskers(axes, points, "latent_size", "value", style.line_of(*key).colour)
    ends = [
        draw_line(axes, rows[places], style.line_of(*key)) for key, places in lines(rows).items()
    ]
    recommended.mark(axes, _recommended(rows))
    axes.set_ylabel(_("{unit}, test split").format(unit=rows["unit"].iloc[0]))
    style.number_axis(axes.yaxis)
    axes.grid(visible=True, axis="y")
    _reference(axes, rows["no_latent"].iloc[0])
    style.label_ends(axes, ends)
    return figure


def lines(rows: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    """Which rows make each line, in the order of the style's lines; only lines with rows."""
    keys = {
        (objective, quantity): (rows["objective"] == objective) & (rows["quantity"] == quantity)
        for objective in objectives(rows)
        for quantity in style.quantities(objective)
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
    """What the lines are and where they start and end, what the bars are, and what is marked."""
    parts = [_span(_named(*key), rows[places]) for key, places in lines(rows).items()]
    spans = _("{spans} ({unit}, test split).").format(
        spans=headed("; ".join(parts)), unit=rows["unit"].iloc[0]
    )
    networks = rows.drop_duplicates(["objective", "latent_size", "seed"])
    dots = _("Lines join the means over seeds; each light dot is one seed.")
    said = [
        spans,
        dots if rows["seed"].nunique() > 1 else "",
        intervals.words(rows),
        recommended.words(_recommended(rows)),
        f"{headed(sentences.judged(networks))}.",
    ]
    return " ".join(filter(None, said))


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    names = [style.line_of(*key).label.replace("\n", " ") for key in lines(rows)]
    return _("Line chart against the latent size: {lines}.").format(lines=listed(names))


_WORDS = {
    ("keras-blog", "loss"): marked("the report's loss (not an ELBO)"),
    ("keras-blog", "neg_elbo"): marked("the true −ELBO of those same networks"),
    ("elbo", "neg_elbo"): marked("the −ELBO of the networks trained with the ELBO"),
    ("elbo", "linear"): marked("the −log p of as many principal components"),
}


def _named(objective: str, quantity: str) -> str:
    return _(_WORDS[variants.plain(objective), quantity]) + variants.words(objective)


def _span(line: str, rows: pd.DataFrame) -> str:
    """Where a line starts and ends."""
    means = rows.groupby("latent_size")["value"].mean()
    if len(means) == 1:
        words = _("{line} is {value} at size {size}")
        return words.format(line=line, value=sentences.number(means.iloc[0]), size=means.index[0])
    return _("{line} goes from {first} at size {first_size} to {last} at size {last_size}").format(
        line=line,
        first=sentences.number(means.iloc[0]),
        first_size=means.index[0],
        last=sentences.number(means.iloc[-1]),
        last_size=means.index[-1],
    )


def _recommended(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the ELBO's line at the recommended size; none where no size is named."""
    elbo = (rows["objective"] == "elbo") & (rows["quantity"] == "neg_elbo")
    return rows[elbo & (rows["latent_size"] == rows["recommended"])]


def _reference(axes: Axes, no_latent: float) -> None:
    """A thin line at the model without a latent, where that lies among the points."""
    low, high = axes.get_ylim()
    if low <= no_latent <= high:
        axes.axhline(no_latent, color=style.QUIET, linewidth=0.7, linestyle=(0, (1, 2)))
        axes.annotate(
            _("a model without a latent"),
            xy=(0.99, no_latent),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            fontsize=style.SMALL,
            color=style.QUIET,
        )
