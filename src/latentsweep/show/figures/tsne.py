"""Every latent space on a plane: t-SNE for three dimensions and more, else the codes themselves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures import points
from latentsweep.show.members import class_names, first_seeds, objectives

MOST_SIZES, PANELS_ACROSS = 10, 5
SHORT_NAME = 3  # letters that fit inside a panel
READING_NOTE = (
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
    manifest, labels = run.manifest(), run.examples().labels
    kept = ["member", "objective", "latent_size", "seed", "sizes_in_run", *_NUMBERS]
    members = first_seeds(run.results(), MOST_SIZES)[kept].rename(columns=_NUMBERS)
    rows = run.projections().merge(members, on="member")
    rows = points.in_random_order(rows.sort_values("member", kind="stable"))
    rows["y"] = np.where(rows["latent_size"] == 1, _random_heights(len(rows)), rows["y"])
    rows["label"] = -1 if labels is None else labels[rows["example"]]
    rows["class_name"] = (
        ""
        if labels is None
        else class_names(manifest["data"]["label_names"], rows["label"].to_numpy())
    )
    rows["mark"] = rows["class_name"] if _all_short(rows) else rows["label"].astype(str)
    return rows.assign(item=sentences.item(manifest))


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
        panels[0].set_ylabel(style.TRAINED_WITH[name].replace("with ", "with\n"))
    _note(figure, rows)
    return figure


def caption(rows: pd.DataFrame) -> str:
    """What the panels show and how faithful they are, in numbers."""
    panels = rows.drop_duplicates("member")
    projected = panels[panels["method"] == "t-SNE"]
    seeds = sentences.seeds(rows)
    direct = sorted(set(panels.loc[panels["method"] != "t-SNE", "latent_size"]))
    codes = f" Size {sentences.listed(direct)}: the codes themselves, not t-SNE." if direct else ""
    return (
        f"The latent spaces on a plane, the same {rows['example'].nunique():,} test "
        f"{rows['item'].iloc[0]}s in every panel ({seeds}).{sentences.sizes_shown(rows)}"
        f"{codes}{_faithfulness(projected)}"
    )


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    coloured = ", coloured by class" if (rows["label"] >= 0).any() else ""
    sizes = sentences.listed(sorted(set(rows["latent_size"])))
    return f"Scatter panels of the test codes{coloured}, for latent sizes {sizes}."


def _faithfulness(panels: pd.DataFrame) -> str:
    """The range of the numbers under the t-SNE panels, and what they are."""
    if panels.empty:
        return ""
    low, high = panels["preservation"].min(), panels["preservation"].max()
    worst = panels["trustworthiness"].min()
    return (
        f" In the t-SNE panels, \u201ckept\u201d is the share of each point's 10 nearest codes "
        f"that are among its 10 nearest in the panel, here {sentences.share(low)} to "
        f"{sentences.share(high)}; \u201ctrust\u201d is the trustworthiness (1 is best), here "
        f"{worst:.2f} at least; KL is what t-SNE left of its own divergence, in nats."
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
            axes.set_title(f"size {size}: none", fontweight="normal")
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
    words = f"size {panel['latent_size']}"
    return words if panel["method"] == "t-SNE" else f"{words}: the codes"


def _numbers(panel: pd.Series) -> str:
    """The words under a panel: how faithful it is."""
    if panel["method"] != "t-SNE":
        return "not t-SNE" if panel["latent_size"] > 1 else "not t-SNE; height random"
    return (
        f"kept {sentences.share(panel['preservation'])}, trust {panel['trustworthiness']:.2f}\n"
        f"KL {panel['divergence']:.2f} nats"
    )


def _note(figure: Figure, rows: pd.DataFrame) -> None:
    """Write the reading note, over it the classes' names where they did not fit in the panels."""
    figure.supxlabel(READING_NOTE, fontsize=style.SMALL, x=0.01, ha="left", color=style.INK)
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
