"""Reconstruction against rate, one point a latent size: what each nat of code buys.

Lines of equal −ELBO fall with slope −1, so a step along the curve pays as long as it is steeper.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentsweep.language import _, headed, listed, printed
from latentsweep.record.folder import RunFolder
from latentsweep.show import intervals, sentences, style
from latentsweep.show.members import finished, objectives

_LEVELS = 10
_TERMS = ["rate", "reconstruction"]


def table(run: RunFolder) -> pd.DataFrame:
    """One row a finished member: `rate` and `reconstruction`, in the `unit` of the run.

    `rate_low`, `rate_high` and so on are the intervals of the means over seeds, and `over` says
    what varies in them.
    """
    members = finished(run.results())
    rows = members[["objective", "latent_size", "seed", *_TERMS]]
    for name in _TERMS:
        bars = intervals.means(run, members, name).drop(columns="value")
        bars = bars.rename(columns={"low": f"{name}_low", "high": f"{name}_high"})
        again = [column for column in bars if column in rows]
        rows = rows.merge(bars, on=again, how="left")
    return rows.assign(unit=sentences.unit(run.manifest()))


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """One line an objective through its means over seeds, with bars, over lines of equal −ELBO."""
    figure = Figure(figsize=(style.PAGE_WIDTH, 4.0), layout="constrained")
    axes = figure.subplots()
    ends = [_draw_line(axes, rows[rows["objective"] == name], name) for name in objectives(rows)]
    axes.margins(0.08)
    style.number_axis(axes.xaxis)
    style.number_axis(axes.yaxis)
    unit = rows["unit"].iloc[0]
    axes.set_xlabel(_("rate: what the code carries ({unit})").format(unit=unit))
    axes.set_ylabel(_("reconstruction ({unit})").format(unit=unit))
    _levels(axes)
    style.label_ends(axes, ends)
    return figure


def caption(rows: pd.DataFrame) -> str:
    """What a point is, what the grey lines and bars are, and where each curve turns."""
    words = _(
        "Each point is one latent size: to the right the code carries more, further down the "
        "example comes back better. Along a grey line their sum, the true −ELBO, is the same; "
        "where a curve runs flatter than those lines, a nat of code buys less than a nat."
    )
    turns = [_turn(rows[rows["objective"] == name], name) for name in objectives(rows)]
    return " ".join(filter(None, [words, *turns, intervals.words(rows)]))


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    words = _("Reconstruction against rate, a point a latent size, for networks {trained}.")
    return words.format(trained=listed(style.TRAINED_WITH[name] for name in objectives(rows)))


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.groupby("latent_size")[_TERMS].mean()


def _draw_line(axes: Axes, rows: pd.DataFrame, name: str) -> style.End:
    """Draw one objective's curve with its sizes beside its points; its end."""
    means, line = _means(rows), style.line_of(name, "neg_elbo")
    bars = rows.groupby("latent_size").mean(numeric_only=True)
    style.whiskers(axes, bars, "rate", "reconstruction", line.colour, across=True)
    axes.plot(
        means["rate"],
        means["reconstruction"],
        color=line.colour,
        marker=line.marker,
        linestyle=line.dash,
        markeredgecolor="white",
        markeredgewidth=0.5,
    )
    for size in style.roomy(list(means.index), most=14):
        place = means["rate"][size], means["reconstruction"][size]
        style.label_point(axes, place, str(size), line.colour)
    label = style.TRAINED_WITH_IN_TWO_LINES[name]
    return style.End(means["rate"].iloc[-1], means["reconstruction"].iloc[-1], label, line.colour)


def _levels(axes: Axes) -> None:
    """Lines of equal −ELBO across the axes, each with its value where it enters at the left."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for level in _round_levels(left + low, right + high):
        axes.plot(
            [left, right], [level - left, level - right], color=style.FAINT, linewidth=0.6, zorder=0
        )
        if low < level - left < high:
            axes.annotate(
                _("−ELBO {level}").format(level=_short(level)),
                xy=(left, level - left),
                xytext=(2, 1),
                textcoords="offset points",
                fontsize=style.SMALL,
                color=style.QUIET,
                path_effects=style.HALO,
            )
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)


def _short(level: float) -> str:
    return printed(level, ".0f" if float(round(level, 1)).is_integer() else ".1f")


def _round_levels(least: float, most: float) -> np.ndarray:
    """About ten round numbers between two."""
    rough = max(most - least, 1e-9) / _LEVELS
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((m for m in (1, 2, 5, 10) if m * power >= rough), default=10)
    return np.arange(np.ceil(least / step) * step, most, step)


def _turn(rows: pd.DataFrame, name: str) -> str:
    means = _means(rows)
    total = means.sum(axis=1)
    best, last = means.index[int(total.argmin())], means.index[-1]
    facts = {
        "trained": headed(style.TRAINED_WITH[name]),
        "size": best,
        "sum": sentences.number(total[best]),
        "last": last,
        "rate": sentences.number(means["rate"][last] - means["rate"][best]),
        "nats": sentences.number(means["reconstruction"][best] - means["reconstruction"][last]),
    }
    if len(means) == 1:
        return _("{trained}: {sum} at size {size}.").format(**facts)
    if best == last:
        return _("{trained}, every size but the largest stands above {sum}.").format(**facts)
    return _(
        "{trained}, the sum is lowest at size {size}; on the way to size {last} the code takes "
        "{rate} nats more and gives back {nats}."
    ).format(**facts)
