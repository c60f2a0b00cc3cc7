"""Reconstruction against rate, one point a latent size: what each nat of code buys.

Lines of equal −ELBO fall with slope −1, so a step along the curve pays as long as it is steeper.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.members import finished, objectives

_LEVELS = 10


def table(run: RunFolder) -> pd.DataFrame:
    """One row a finished member: `rate` and `reconstruction`, in the `unit` of the run."""
    kept = ["objective", "latent_size", "seed", "rate", "reconstruction"]
    return finished(run.results())[kept].assign(unit=sentences.unit(run.manifest()))


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """One line an objective through its means over seeds, over lines of equal −ELBO."""
    figure = Figure(figsize=(style.PAGE_WIDTH, 4.0), layout="constrained")
    axes = figure.subplots()
    ends = [_draw_line(axes, rows[rows["objective"] == name], name) for name in objectives(rows)]
    axes.margins(0.08)
    axes.set_xlabel(f"rate: what the code carries ({rows['unit'].iloc[0]})")
    axes.set_ylabel(f"reconstruction ({rows['unit'].iloc[0]})")
    _levels(axes)
    style.label_ends(axes, ends)
    return figure


def caption(rows: pd.DataFrame) -> str:
    """What a point is, what the grey lines are, and where each curve turns."""
    turns = " ".join(_turn(rows[rows["objective"] == name], name) for name in objectives(rows))
    return (
        "Each point is one latent size: to the right the code carries more, further down the "
        "example comes back better. Along a grey line their sum, the true −ELBO, is the same; "
        f"where a curve runs flatter than those lines, a nat of code buys less than a nat. {turns}"
    )


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    networks = sentences.listed(style.TRAINED_WITH[name] for name in objectives(rows))
    return f"Reconstruction against rate, a point a latent size, for networks {networks}."


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.groupby("latent_size")[["rate", "reconstruction"]].mean()


def _draw_line(axes: Axes, rows: pd.DataFrame, name: str) -> style.End:
    """Draw one objective's curve with its sizes beside its points; its end."""
    means, line = _means(rows), style.LINES[name, "neg_elbo"]
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
        axes.annotate(
            str(size),
            xy=(means["rate"][size], means["reconstruction"][size]),
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=style.SMALL,
            color=line.colour,
        )
    label = style.TRAINED_WITH[name].replace("with ", "with\n")
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
                f"−ELBO {sentences.number(level).removesuffix('.0')}",
                xy=(left, level - left),
                xytext=(2, 1),
                textcoords="offset points",
                fontsize=style.SMALL,
                color=style.QUIET,
            )
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)


def _round_levels(least: float, most: float) -> np.ndarray:
    """About ten round numbers between two."""
    rough = max(most - least, 1e-9) / _LEVELS
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((m for m in (1, 2, 5, 10) if m * power >= rough), default=10)
    return np.arange(np.ceil(least / step) * step, most, step)


def _turn(rows: pd.DataFrame, name: str) -> str:
    means = _means(rows)
    total = means.sum(axis=1)
    best, who = means.index[int(total.argmin())], sentences.headed(style.TRAINED_WITH[name])
    if len(means) == 1:
        return f"{who}: {sentences.number(total[best])} at size {best}."
    if best == means.index[-1]:
        return f"{who}, every size but the largest stands above {sentences.number(total[best])}."
    last = means.index[-1]
    return (
        f"{who}, the sum is lowest at size {best}; on the way to size {last} the code takes "
        f"{sentences.number(means['rate'][last] - means['rate'][best])} nats more and gives back "
        f"{sentences.number(means['reconstruction'][best] - means['reconstruction'][last])}."
    )
