"""Learning curves: the training loss of every member against the epoch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latentsweep.language import _, headed, ngettext
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
        axes.set_title(headed(style.TRAINED_WITH[name]))
        axes.set_xlabel(_("epoch"))
    panels[0].set_ylabel(_("training loss ({unit})").format(unit=rows["unit"].iloc[0]))
    return figure


def caption(rows: pd.DataFrame) -> str:
    """How far the losses fell, how much they still moved at the end, and what failed."""
    parts = [_course(finished(rows[rows["objective"] == name]), name) for name in objectives(rows)]
    words = _("Training loss, mean over each epoch while the weights changed ({unit}).")
    scales = _("The objectives are different losses: compare within a panel.")
    said = [
        words.format(unit=rows["unit"].iloc[0]),
        *parts,
        scales if len(parts) > 1 else "",
        *_failures(rows),
    ]
    return " ".join(filter(None, said))


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    count = rows["member"].nunique()
    return ngettext(
        "Line charts of the training loss against the epoch, one line for each of {count} model.",
        "Line charts of the training loss against the epoch, one line for each of {count} models.",
        count,
    ).format(count=count)


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    sizes = sorted(set(rows["latent_size"]))
    places = {size: i / max(len(sizes) - 1, 1) for i, size in enumerate(sizes)}
    ends: dict[int, list[float]] = {}
    for _name, curve in finished(rows).groupby("member", sort=False):
        size = curve["latent_size"].iloc[0]
        _draw_curve(axes, curve, style.size_colour(places[size]))
        ends.setdefault(size, []).append(curve["loss"].iloc[-1])
    if ends:
        axes.set_ylim(axes.get_ylim())
    for _name, curve in failed(rows).groupby("member", sort=False):
        _draw_failure(axes, curve, style.size_colour(places[curve["latent_size"].iloc[0]]))
    style.number_axis(axes.yaxis)
    axes.grid(visible=True, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    last = float(rows["epoch"].max())
    style.label_ends(
        axes,
        [
            style.End(
                last,
                sum(ends[size]) / len(ends[size]),
                _("size {size}").format(size=size),
                style.INK,
            )
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
    trained, first = headed(style.TRAINED_WITH[name]), _range(epochs.iloc[0])
    if len(epochs) == 1:
        return _("{trained}: {first} after one epoch.").format(trained=trained, first=first)
    words = _(
        "{trained}: {first} after one epoch, {last} after {count}, the last of which changed it by "
        "{moved}."
    )
    last, moved = _range(epochs.iloc[-1]), _range(epochs.iloc[-1] - epochs.iloc[-2])
    return words.format(trained=trained, first=first, last=last, count=len(epochs), moved=moved)


def _failures(rows: pd.DataFrame) -> list[str]:
    """Which members failed: those with a line end in a cross, the others have no line."""
    members = failed(rows).drop_duplicates("member")
    drawn, lost = members[members["loss"].notna()], members[members["loss"].isna()]
    crosses = _("A cross ends the line of what failed: {members}.")
    missing = _("No line, since the first epoch failed: {members}.")
    return [
        words.format(members=sentences.named(part))
        for words, part in ((crosses, drawn), (missing, lost))
        if not part.empty
    ]


def _range(values: pd.Series) -> str:
    return sentences.ranged(sentences.number(values.min()), sentences.number(values.max()))
