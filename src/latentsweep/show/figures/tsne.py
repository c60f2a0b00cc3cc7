"""Every latent space on a plane: t-SNE for three dimensions and more, else the codes themselves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentsweep.language import _, listed, marked, ngettext, printed
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures import points
from latentsweep.show.members import class_names, first_seeds, objectives

MOST_SIZES, PANELS_ACROSS = 10, 5
SHORT_NAME = 3  # letters that fit inside a panel
READING_NOTE = marked(
    "Reading note: t-SNE keeps neighbours together. Sizes of clusters and gaps between them mean "
    "nothing."
)
_NUMBERS = {
    "tsne_preservation": "preservation",
    "tsne_trustworthiness": "trustworthiness",
    "tsne_kl": "divergence",
}


def table(run: RunFolder) -> pd.DataFrame:
    """One row a projected example and member: `x`, `y`, its class and the panel's numbers."""
    manifest, labels, projections = run.manifest(), run.examples().labels, run.projections()
    kept = ["member", "objective", "latent_size", "seed", "sizes_in_run", *_NUMBERS]
    members = first_seeds(run, MOST_SIZES)[kept].rename(columns=_NUMBERS)
    rows = projections.merge(members, on="member")
    rows = points.in_random_order(rows.sort_values("member", kind="stable"))
    rows["y"] = np.where(rows["latent_size"] == 1, _random_heights(len(rows)), rows["y"])
    rows["label"] = -1 if labels is None else labels[rows["example"]]
    rows["class_name"] = (
        ""
        if labels is None
        else class_names(manifest["data"]["label_names"], rows["label"].to_numpy())
    )
    rows["mark"] = rows["class_name"] if _all_short(rows) else rows["label"].astype(str)
    return rows.assign(items=sentences.items(manifest))


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """A row of panels an objective, a column a size, each with its numbers underneath."""
    sizes = sorted(set(rows["latent_size"]))
    across = min(len(sizes), PANELS_ACROSS)
    starts = range(0, len(sizes), across)
    lines = [(name, sizes[i : i + across]) for name in objectives(rows) for i in starts]
    panel = min(style.PAGE_WIDTH / across, 2.8)
    size = (max(across * panel, 4.0), len(lines) * (0.91 * panel + 0.62) + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(lines), across, squeeze=False)
    for (name, shown), panels in zip(lines, grid, strict=True):
        _draw_panels(panels, rows[rows["objective"] == name], shown)
        panels[0].set_ylabel(style.TRAINED_WITH_IN_TWO_LINES[name])
    _note(figure, rows)
    return figure


def caption(rows: pd.DataFrame) -> str:
    """What the panels show and how faithful they are, in numbers."""
    panels = rows.drop_duplicates("member")
    are_codes = panels["method"] != "t-SNE"
    shown = _(
        "The latent spaces on a plane, the same {count} test {items} in every panel ({seeds})."
    ).format(
        count=printed(rows["example"].nunique(), ","),
        items=rows["items"].iloc[0],
        seeds=sentences.seeds(rows),
    )
    codes, faithfulness = _direct(panels[are_codes]), _faithfulness(panels[~are_codes])
    return f"{shown}{sentences.sizes_shown(rows)}{codes}{faithfulness}"


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    sizes = sorted(set(rows["latent_size"]))
    words = (
        ngettext(
            "Scatter panels of the test codes, coloured by class, for latent size {sizes}.",
            "Scatter panels of the test codes, coloured by class, for latent sizes {sizes}.",
            len(sizes),
        )
        if (rows["label"] >= 0).any()
        else ngettext(
            "Scatter panels of the test codes, for latent size {sizes}.",
            "Scatter panels of the test codes, for latent sizes {sizes}.",
            len(sizes),
        )
    )
    return words.format(sizes=listed(sizes))


def _direct(panels: pd.DataFrame) -> str:
    """The sizes whose panels show the codes themselves."""
    if panels.empty:
        return ""
    sizes = sorted(set(panels["latent_size"]))
    words = ngettext(
        "Size {sizes}: the codes themselves, not t-SNE.",
        "Sizes {sizes}: the codes themselves, not t-SNE.",
        len(sizes),
    )
    return " " + words.format(sizes=listed(sizes))


def _faithfulness(panels: pd.DataFrame) -> str:
    """The range of the numbers under the t-SNE panels, and what they are."""
    if panels.empty:
        return ""
    # Translators: the words in quotation marks are those under the panels ("kept ..., trust").
    words = _(
        "In the t-SNE panels, \u201ckept\u201d is the share of each point's 10 nearest codes that "
        "are among its 10 nearest in the panel, here {low} to {high}; \u201ctrust\u201d is the "
        "trustworthiness (1 is best), here {worst} at least; KL is what t-SNE left of its own "
        "divergence, in nats."
    )
    return " " + words.format(
        low=sentences.share(panels["preservation"].min()),
        high=sentences.share(panels["preservation"].max()),
        worst=printed(panels["trustworthiness"].min(), ".2f"),
    )


def _draw_panels(panels: np.ndarray, rows: pd.DataFrame, sizes: list[int]) -> None:
    """Draw one panel a size; a size that has no network keeps an empty place."""
    for axes in panels[len(sizes) :]:
        axes.set_visible(False)
    for axes, size in zip(panels, sizes, strict=False):
        cloud = rows[rows["latent_size"] == size]
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(style.FAINT)
        axes.set_box_aspect(1)
        if cloud.empty:
            axes.set_title(_("size {size}: none").format(size=size), fontweight="normal")
            continue
        points.draw_points(axes, cloud, area=1.1)
        _scale(axes, cloud)
        points.name_classes(axes, cloud, "mark", style.SMALL)
        axes.set_title(_title(cloud.iloc[0]), fontweight="normal", fontsize=style.TEXT)
        axes.set_xlabel(_numbers(cloud.iloc[0]), fontsize=style.SMALL, color=style.QUIET)


def _scale(axes: Axes, cloud: pd.DataFrame) -> None:
    """Show all points, with both coordinates on one scale unless the second means nothing."""
    low, high = cloud[["x", "y"]].min(), cloud[["x", "y"]].max()
    reach = (high - low) / 2 if cloud["latent_size"].iloc[0] == 1 else (high - low).max() / 2
    reach, middle = reach * 1.06 + 1e-6, (high + low) / 2
    low, high = middle - reach, middle + reach
    axes.set(xlim=(low["x"], high["x"]), ylim=(low["y"], high["y"]))


def _title(panel: pd.Series) -> str:
    words = _("size {size}") if panel["method"] == "t-SNE" else _("size {size}: the codes")
    return words.format(size=panel["latent_size"])


def _numbers(panel: pd.Series) -> str:
    """The words under a panel: how faithful it is."""
    if panel["method"] != "t-SNE":
        return _("not t-SNE") if panel["latent_size"] > 1 else _("not t-SNE; height random")
    return _("kept {share}, trust {trust}\nKL {divergence} nats").format(
        share=sentences.share(panel["preservation"]),
        trust=printed(panel["trustworthiness"], ".2f"),
        divergence=printed(panel["divergence"], ".2f"),
    )


def _note(figure: Figure, rows: pd.DataFrame) -> None:
    """Write the reading note, over it the classes' names where they did not fit in the panels."""
    figure.supxlabel(_(READING_NOTE), fontsize=style.SMALL, x=0.01, ha="left", color=style.INK)
    classes = rows.drop_duplicates("label").sort_values("label")
    if (classes["mark"] == classes["class_name"]).all() or len(classes) > points.MOST_NAMED:
        return
    dots = [
        Line2D([], [], linestyle="", marker="o", markersize=4, color=colour)
        for colour in style.class_colours(classes["label"].to_numpy())
    ]
    names = [f"{row.mark} {style.shortened(str(row.class_name))}" for row in classes.itertuples()]
    figure.legend(
        dots,
        names,
        loc="outside upper center",
        ncols=min(len(names), 5),
        frameon=False,
        fontsize=style.SMALL,
        handletextpad=0.1,
    )


def _all_short(rows: pd.DataFrame) -> bool:
    return bool((rows["class_name"].str.len() <= SHORT_NAME).all())


def _random_heights(count: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.5, 0.5, count)
