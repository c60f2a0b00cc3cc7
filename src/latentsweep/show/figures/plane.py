"""The latent plane: where the networks with two latent dimensions put the test split."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from latentsweep.language import _, headed, listed, printed
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures import points
from latentsweep.show.members import class_names, finished, objectives

PRIOR_RADIUS = float(np.sqrt(-2 * np.log(0.05)))  # holds 95 % of N(0, I) in the plane


def table(run: RunFolder) -> pd.DataFrame:
    """One row a test example and objective: the posterior mean `x`, `y`, in drawing order."""
    manifest, labels = run.manifest(), run.examples().labels
    members = finished(run.results())
    members = members[members["latent_size"] == 2].drop_duplicates("objective")
    clouds = []
    for member in members.to_dict("records"):
        codes = run.arrays(member["member"])["test/codes"]
        cloud = pd.DataFrame({"x": codes[:, 0], "y": codes[:, 1]})
        cloud["label"] = -1 if labels is None else labels
        names = "" if labels is None else class_names(manifest["data"]["label_names"], labels)
        cloud["class_name"] = names
        cloud = cloud.assign(objective=member["objective"], seed=member["seed"])
        clouds.append(points.in_random_order(cloud))
    rows = pd.concat(clouds, ignore_index=True) if clouds else members
    return rows.assign(items=sentences.items(manifest))


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """A panel an objective, on the same scale, with the prior's 95 % circle."""
    names = objectives(rows)
    (left, right), (bottom, top) = span(rows["x"]), span(rows["y"])
    tall = 3.0 * min(max((top - bottom) / (right - left), 0.4), 1.6)
    figure = Figure(figsize=(3.5 * len(names), tall + 0.7), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False, sharex=True, sharey=True)[0]
    panels[0].set(xlim=(left, right), ylim=(bottom, top))
    for axes, name in zip(panels, names, strict=True):
        _draw_panel(axes, rows[rows["objective"] == name])
        axes.set_title(headed(style.TRAINED_WITH[name]))
    panels[0].set_ylabel(_("second latent coordinate"))
    return figure


def caption(rows: pd.DataFrame) -> str:
    """How far the codes reach, against the prior that new codes are drawn from."""
    shown = _("The test {items} in the latent plane ({seeds})").format(
        items=rows["items"].iloc[0], seeds=sentences.seeds(rows)
    )
    reach = _(
        "95 % of the codes lie within a radius of {reach}; the dashed circle, of radius {radius}, "
        "holds 95 % of the prior N(0, I)."
    ).format(reach=listed(_reaches(rows)), radius=printed(PRIOR_RADIUS, ".1f"))
    classes = points.words_on_classes(rows)
    return f"{shown}; {classes}. {reach}" if classes else f"{shown}. {reach}"


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    words = (
        _("Scatter of the test {items} by their two latent coordinates, coloured by class.")
        if (rows["label"] >= 0).any()
        else _("Scatter of the test {items} by their two latent coordinates.")
    )
    return words.format(items=rows["items"].iloc[0])


def radius_of_most(rows: pd.DataFrame) -> float:
    """The radius around the origin within which 95 % of the codes lie."""
    return float(np.quantile(np.hypot(rows["x"], rows["y"]), 0.95))


def span(coordinates: pd.Series) -> tuple[float, float]:
    """The limits that hold all codes and the prior's circle, with a margin."""
    low, high = min(coordinates.min(), -PRIOR_RADIUS), max(coordinates.max(), PRIOR_RADIUS)
    return low - 0.03 * (high - low), high + 0.03 * (high - low)


def _reaches(rows: pd.DataFrame) -> list[str]:
    """Each objective's radius with its name."""
    radii = {name: radius_of_most(rows[rows["objective"] == name]) for name in objectives(rows)}
    return [
        f"{printed(radius, '.1f')} ({style.TRAINED_WITH[name]})" for name, radius in radii.items()
    ]


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    points.draw_points(axes, rows, area=2.2)
    axes.add_patch(
        Circle((0, 0), PRIOR_RADIUS, fill=False, color=style.INK, linewidth=0.8, linestyle="--")
    )
    axes.set_aspect("equal")
    axes.set_xlabel(_("first latent coordinate"))
    points.name_classes(axes, rows, "class_name", style.TEXT)
