"""The 9 x 9 grid: what the decoder makes of the square from (−2, −2) to (2, 2)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentsweep.language import _, headed, printed
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures.items import Limits, are_images, draw_tile, value_limits
from latentsweep.show.members import finished, objectives

COORDINATES = np.linspace(-2, 2, 9)
STEP = 0.5  # between neighbours


def table(run: RunFolder) -> pd.DataFrame:
    """One row a tile: `values` decoded from the point `first`, `second` of the latent plane."""
    manifest, examples = run.manifest(), run.examples()
    members = finished(run.results())
    members = members[members["latent_size"] == 2].drop_duplicates("objective")
    tiles = []
    for member in members.to_dict("records"):
        decodes = run.arrays(member["member"])["grid/decodes"]
        second, first = np.meshgrid(COORDINATES[::-1], COORDINATES, indexing="ij")
        flat = decodes.reshape(-1, *decodes.shape[2:])
        tile = pd.DataFrame(
            {"first": first.ravel(), "second": second.ravel(), "values": list(flat)}
        )
        tiles.append(tile.assign(objective=member["objective"], seed=member["seed"]))
    rows = pd.concat(tiles, ignore_index=True) if tiles else members
    limits = value_limits(manifest, examples.values)._asdict()
    images = are_images(manifest, examples.values)
    words = {"item": sentences.item(manifest), "items": sentences.items(manifest)}
    return rows.assign(**limits, images=images, **words)


@style.look()
def draw(rows: pd.DataFrame) -> Figure:
    """A panel an objective, whose axes are the two latent coordinates."""
    names = objectives(rows)
    figure = Figure(figsize=(3.5 * len(names), 3.8), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    for axes, name in zip(panels, names, strict=True):
        _draw_panel(axes, rows[rows["objective"] == name])
        axes.set_title(headed(style.TRAINED_WITH[name]))
    panels[0].set_ylabel(_("second latent coordinate"))
    return figure


def caption(rows: pd.DataFrame) -> str:
    """What is decoded, and how much neighbours differ against tiles taken at random."""
    parts = [_changes(rows[rows["objective"] == name], name) for name in objectives(rows)]
    words = _(
        "Decoded from 81 points of the latent plane, half a unit apart, not from any test {item} "
        "({seeds}). Mean absolute difference of two neighbours and of any two tiles, as a share "
        "of the range of the values: {differences}."
    )
    return words.format(
        item=rows["item"].iloc[0], seeds=sentences.seeds(rows), differences="; ".join(parts)
    )


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    words = _("Grid of 9 by 9 {items} decoded from the latent square from −2 to 2.")
    return words.format(items=rows["items"].iloc[0])


def differences(tiles: np.ndarray) -> tuple[float, float]:
    """Mean absolute difference of neighbouring tiles, and of any two tiles.

    Args:
        tiles: [9, 9, feature], row and column of the grid first.
    """
    down, across = np.abs(np.diff(tiles, axis=0)), np.abs(np.diff(tiles, axis=1))
    ordered = np.sort(tiles.reshape(81, -1), axis=0)
    # Sum of |a − b| over all pairs of sorted values: each counts by how many lie on its two sides.
    weights = 2 * np.arange(81) - 80
    any_two = (weights @ ordered).mean() / (81 * 80 / 2)
    return float((down.mean() + across.mean()) / 2), float(any_two)


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    limits = Limits(*(rows[name].iloc[0] for name in Limits._fields))
    for row in rows.to_dict("records"):
        draw_tile(axes, row["values"], (row["first"] / STEP, row["second"] / STEP), limits)
    ticks = COORDINATES[::2]
    labels = [printed(tick, ".0f") for tick in ticks]
    axes.set_xticks(ticks / STEP, labels)
    axes.set_yticks(ticks / STEP, labels)
    axes.set_xlim(-4.5, 4.5)
    axes.set_ylim(-4.5, 4.5)
    axes.set_aspect("equal")
    axes.set_xlabel(_("first latent coordinate"))
    axes.spines[:].set_visible(False)


def _changes(rows: pd.DataFrame, name: str) -> str:
    tiles = np.stack(list(rows["values"])).astype(float).reshape(9, 9, -1)
    neighbours, any_two = differences(tiles / (rows["high"].iloc[0] - rows["low"].iloc[0]))
    return _("{trained}, {neighbours} % and {any_two} %").format(
        trained=style.TRAINED_WITH[name],
        neighbours=printed(100 * neighbours, ".1f"),
        any_two=printed(100 * any_two, ".1f"),
    )
