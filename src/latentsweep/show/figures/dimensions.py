"""KL per latent dimension, from the largest: how many dimensions share what a code carries."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, NullLocator

from latentsweep.language import _, headed, listed, ngettext, printed
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.members import first_seeds, objectives

MOST_SIZES = 10
MOST = 0.9  # the share of the rate that the caption asks about
LEAST = 0.01  # nats, below which a dimension carries as good as nothing
_WIDEST_LINEAR = 32


def table(run: RunFolder) -> pd.DataFrame:
    """One row a latent dimension of each shown network: `kl`, of `rank` 1 where it is largest."""
    networks = first_seeds(run, MOST_SIZES)
    kept = ["member", "objective", "latent_size", "seed", "sizes_in_run"]
    ranked = [_ranked(run, member) for member in networks["member"]]
    if not ranked:
        return networks[kept]
    rows = networks[kept].merge(pd.concat(ranked), on="member")
    return rows.assign(unit=sentences.unit(run.manifest()))


def _ranked(run: RunFolder, member: str) -> pd.DataFrame:
    kl = np.sort(run.arrays(member)["kl_per_dimension"])[::-1]
    return pd.DataFrame({"member": member, "rank": np.arange(1, len(kl) + 1), "kl": kl})


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """A panel an objective, a line a latent size, from light to dark."""
    names = objectives(rows)
    figure = Figure(figsize=(style.PAGE_WIDTH, 3.2), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    for axes, name in zip(panels, names, strict=True):
        _rank_axis(axes, int(rows["rank"].max()))
        _draw_panel(axes, rows[rows["objective"] == name])
        axes.set_title(headed(style.TRAINED_WITH[name]))
    panels[0].set_ylabel(_("KL ({unit})").format(unit=rows["unit"].iloc[0]))
    return figure


def caption(rows: pd.DataFrame) -> str:
    """What a line is, and for the widest networks how many dimensions carry something."""
    words = _(
        "What each latent dimension carries, from the largest, one line a latent size ({seeds}), "
        "which ends at that size; the values of a line add up to the rate of its network."
    )
    widest = [_widest(rows[rows["objective"] == name], name) for name in objectives(rows)]
    shown = sentences.sizes_shown(rows)
    return " ".join([words.format(seeds=sentences.seeds(rows)) + shown, *widest])


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    words = _(
        "Line charts of the KL of each latent dimension against its rank, a line a latent size, "
        "for networks {trained}."
    )
    return words.format(trained=listed(style.TRAINED_WITH[name] for name in objectives(rows)))


def _rank_axis(axes: Axes, widest: int) -> None:
    """Ranks along x: by their logarithm where there are many."""
    axes.set_xlabel(_("dimension, by rank"))
    if widest <= _WIDEST_LINEAR:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, widest + 0.5)
        return
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator([2**power for power in range(widest.bit_length())]))
    axes.xaxis.set_major_formatter(lambda rank, _place: f"{rank:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    sizes = sorted(set(rows["latent_size"]))
    for place, size in enumerate(sizes):
        line = rows[rows["latent_size"] == size]
        colour = style.size_colour(place / max(len(sizes) - 1, 1))
        axes.plot(
            line["rank"],
            line["kl"],
            color=colour,
            linewidth=1.1,
            marker="o",
            markersize=2.5,
            clip_on=False,
        )
    axes.set_ylim(bottom=0)
    style.number_axis(axes.yaxis)
    axes.grid(visible=True, axis="y")
    ends = rows[rows["rank"] == rows["latent_size"]].set_index("rank")["kl"]
    for size in style.roomy(sizes, most=14):
        style.label_point(axes, (size, ends[size]), str(size), style.INK)


def _widest(rows: pd.DataFrame, name: str) -> str:
    """How many dimensions of an objective's widest network carry most, and how many nothing."""
    size = rows["latent_size"].max()
    kl = rows.loc[rows["latent_size"] == size, "kl"].to_numpy(float)
    most, idle = dimensions_holding(kl, MOST), int((kl < LEAST).sum())
    facts = {"trained": headed(style.TRAINED_WITH[name]), "size": size}
    nats = printed(LEAST, ".2f")
    if idle == size:
        words = _("{trained}, at size {size}, no dimension carries as much as {nats} nats.")
        return words.format(**facts, nats=nats)
    hold = ngettext(
        "{count} dimension holds {share} of the rate",
        "{count} dimensions hold {share} of the rate",
        most,
    ).format(count=most, share=sentences.share(MOST))
    words = _("{trained}, at size {size}, {hold}, and {idle}.")
    return words.format(**facts, hold=hold, idle=_idle(idle, nats))


def _idle(count: int, nats: str) -> str:
    """How many dimensions carry next to nothing."""
    if count == 0:
        return _("none carries less than {nats} nats").format(nats=nats)
    words = ngettext(
        "{count} carries less than {nats} nats", "{count} carry less than {nats} nats", count
    )
    return words.format(count=count, nats=nats)


def dimensions_holding(kl: np.ndarray, share: float) -> int:
    """The least number of dimensions, sorted from the largest, that hold a share of the sum."""
    return int(np.searchsorted(np.cumsum(kl), share * kl.sum()) + 1)
