"""Learning curves: the training loss of every member against the epoch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.members import failed, few, finished, objectives

MOST_LABELS = 10


def table(run: RunFolder) -> pd.DataFrame:
    """One row a member and epoch: the mean training `loss`; NaN for a member without any epoch."""
    kept = ["member", "objective", "latent_size", "seed", "status", "failed_epoch"]
    members = run.results()[kept]
    histories = [
        run.history(name)[["epoch", "loss"]].assign(member=name) for name in members["member"]
    ]
    epochs = pd.concat(histories, ignore_index=True)
    rows = members.merge(epochs, on="member", how="left")
    if rows["loss"].isna().all():
        return rows.iloc[:0]
    return rows.assign(unit=sentences.unit(run.manifest()))


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """A panel an objective, sizes from light to dark; a cross where a member failed."""
    names = objectives(rows)
    figure = Figure(figsize=(style.PAGE_WIDTH, 3.2), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _draw_panel(axes, rows[rows["objective"] == name])
        axes.set_title(sentences.headed(style.TRAINED_WITH[name]))
        axes.set_xlabel("epoch")
    panels[0].set_ylabel(f"training loss ({rows['unit'].iloc[0]})")
    return figure


def caption(rows: pd.DataFrame) -> str:
    """How far the losses fell, how much they still moved at the end, and what failed."""
    parts = [_course(finished(rows[rows["objective"] == name]), name) for name in objectives(rows)]
    scales = (
        " The objectives are different losses: compare within a panel." if len(parts) > 1 else ""
    )
    return (
        f"Training loss, mean over each epoch while the weights changed ({rows['unit'].iloc[0]}). "
        f"{' '.join(part for part in parts if part)}{scales}{_failures(rows)}"
    )


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    return (
        "Line charts of the training loss against the epoch, one line for each of "
        f"{sentences.counted(rows['member'].nunique(), 'model')}."
    )


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    sizes = sorted(set(rows["latent_size"]))
    places = {size: i / max(len(sizes) - 1, 1) for i, size in enumerate(sizes)}
    ends: dict[int, list[float]] = {}
    for _, curve in finished(rows).groupby("member", sort=False):
        size = curve["latent_size"].iloc[0]
        _draw_curve(axes, curve, style.size_colour(places[size]))
        ends.setdefault(size, []).append(curve["loss"].iloc[-1])
    if ends:
        axes.set_ylim(axes.get_ylim())
    for _, curve in failed(rows).groupby("member", sort=False):
        _draw_failure(axes, curve, style.size_colour(places[curve["latent_size"].iloc[0]]))
    axes.grid(visible=True, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    last = float(rows["epoch"].max())
    style.label_ends(
        axes,
        [
            style.End(last, sum(ends[size]) / len(ends[size]), f"size {size}", style.INK)
            for size in few(sorted(ends), MOST_LABELS)
        ],
    )


def _draw_curve(axes: Axes, curve: pd.DataFrame, colour: tuple[float, ...]) -> None:
    """Draw one member's line, with a dot where it has a single epoch."""
    axes.plot(
        curve["epoch"],
        curve["loss"],
        color=colour,
        linewidth=1.1,
        marker="o" if len(curve) == 1 else "",
        markersize=3,
    )


def _draw_failure(axes: Axes, curve: pd.DataFrame, colour: tuple[float, ...]) -> None:
    """Draw a failed member's line dotted, with a cross at its end, kept inside the panel."""
    low, high = axes.get_ylim() if not axes.get_autoscaley_on() else (None, None)
    heights = curve["loss"].clip(low, high)
    axes.plot(curve["epoch"], heights, color=colour, linewidth=1.1, linestyle=":")
    axes.plot(
        curve["epoch"].iloc[-1:],
        heights.iloc[-1:],
        linestyle="",
        marker="X",
        markersize=6,
        color=style.INK,
        markeredgecolor="white",
        clip_on=False,
    )


def _course(rows: pd.DataFrame, name: str) -> str:
    """Where an objective's losses start and end, and their change in the last epoch."""
    if rows.empty:
        return ""
    epochs = rows.pivot_table(values="loss", index="epoch", columns="member")
    words = (
        f"{sentences.headed(style.TRAINED_WITH[name])}: {_range(epochs.iloc[0])} after one epoch"
    )
    if len(epochs) == 1:
        return f"{words}."
    moved = epochs.iloc[-1] - epochs.iloc[-2]
    return (
        f"{words}, {_range(epochs.iloc[-1])} after {len(epochs)}, the last of which changed it by "
        f"{_range(moved)}."
    )


def _failures(rows: pd.DataFrame) -> str:
    """Which members failed: those with a line end in a cross, the others have no line."""
    members = failed(rows).drop_duplicates("member")
    drawn, lost = members[members["loss"].notna()], members[members["loss"].isna()]
    crosses = f" A cross ends the line of what failed: {sentences.named(drawn)}."
    missing = f" No line, since the first epoch failed: {sentences.named(lost)}."
    return f"{'' if drawn.empty else crosses}{'' if lost.empty else missing}"


def _range(values: pd.Series) -> str:
    low, high = sentences.number(values.min()), sentences.number(values.max())
    return low if low == high else f"{low} to {high}"
