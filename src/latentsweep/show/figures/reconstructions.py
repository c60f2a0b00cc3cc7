"""Originals beside what each latent size makes of them: decode(mean), a column a size."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentsweep.language import _, headed, listed, ngettext, printed
from latentsweep.record.folder import Examples, RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures.items import Limits, are_images, draw_tile, value_limits
from latentsweep.show.members import class_names, first_seeds, objectives

MOST_SIZES, MOST_SIZES_OF_LINES = 10, 5
MOST_EXAMPLES, MOST_EXAMPLES_OF_LINES = 10, 3
SIDE_BY_SIDE = 14  # columns that fit the page
TILE, BLOCK = 0.5, 2.7  # inches: a tile's side, and the least width of a block
_KEPT = ("objective", "latent_size", "seed", "mse_of_mean", "sizes_in_run")


def table(run: RunFolder) -> pd.DataFrame:
    """One row a tile: `values` of an example (`latent_size` 0) or of its reconstruction."""
    manifest, examples = run.manifest(), run.examples()
    images = are_images(manifest, examples.values)
    members = first_seeds(run, MOST_SIZES if images else MOST_SIZES_OF_LINES)
    if members.empty:
        return members
    chosen = _chosen(examples, MOST_EXAMPLES if images else MOST_EXAMPLES_OF_LINES)
    tiles = [
        _tiles(examples.values, chosen).assign(objective="", latent_size=0, seed=-1, sizes_in_run=0)
    ]
    for member in members.to_dict("records"):
        decodes = run.arrays(member["member"])["shown/decodes"]
        tiles.append(_tiles(decodes, chosen).assign(**{key: member[key] for key in _KEPT}))
    named = pd.concat(tiles, ignore_index=True)
    named["class_name"] = named["position"].map(_names(manifest, examples, chosen))
    words = {"item": sentences.item(manifest), "items": sentences.items(manifest)}
    limits = value_limits(manifest, examples.values[chosen])._asdict()
    return named.assign(**limits, images=images, **words)


def draw(rows: pd.DataFrame) -> Figure:
    """A block an objective: tiles for images, small line charts for anything else."""
    return _draw_blocks(rows) if rows["images"].iloc[0] else _draw_charts(rows)


def caption(rows: pd.DataFrame) -> str:
    """What stands where, and the mean squared errors that the eye can't judge."""
    networks = _networks(rows)
    errors = [_errors(part, name) for name, part in networks.groupby("objective", sort=False)]
    words = _(
        "Mean squared error over the whole test split, in the network's input unit: {errors}."
    )
    measured = words.format(errors="; ".join(errors))
    return f"{_what_stands_where(rows)}{sentences.sizes_shown(networks)} {measured}"


def alt(rows: pd.DataFrame) -> str:
    """What the picture is, for those who do not see it."""
    sizes = sorted(set(_networks(rows)["latent_size"]))
    words = ngettext(
        "Test {items} and their reconstructions at latent size {sizes}.",
        "Test {items} and their reconstructions at latent sizes {sizes}.",
        len(sizes),
    )
    return words.format(items=rows["items"].iloc[0], sizes=listed(sizes))


def _what_stands_where(rows: pd.DataFrame) -> str:
    shown = rows["position"].nunique()
    words = (
        ngettext(
            "{count} test {item}: the original and decode(mean) for each latent size ({seeds}).",
            "{count} test {items}: the original and decode(mean) for each latent size ({seeds}).",
            shown,
        )
        if rows["images"].iloc[0]
        else ngettext(
            "{count} test {item}: the original and decode(mean) for each latent size ({seeds}), "
            "the original in grey behind its reconstruction.",
            "{count} test {items}: the original and decode(mean) for each latent size ({seeds}), "
            "the original in grey behind its reconstruction.",
            shown,
        )
    )
    nouns = {noun: rows[noun].iloc[0] for noun in ("item", "items")}
    return words.format(count=shown, seeds=sentences.seeds(_networks(rows)), **nouns)


def _chosen(examples: Examples, most: int) -> np.ndarray:
    """Positions among the shown examples: the first of each class, or the first ones."""
    if examples.labels is None:
        return np.arange(min(most, len(examples.values)))
    return np.unique(examples.labels[examples.indices], return_index=True)[1][:most]


def _tiles(values: np.ndarray, chosen: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"position": chosen, "values": list(values[chosen])})


def _names(manifest: Mapping[str, Any], examples: Examples, chosen: np.ndarray) -> dict[int, str]:
    if examples.labels is None:
        return {int(position): "" for position in chosen}
    labels = examples.labels[examples.indices[chosen]]
    names = class_names(manifest["data"]["label_names"], labels)
    return {int(position): str(name) for position, name in zip(chosen, names, strict=True)}


def _networks(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that are reconstructions."""
    return rows[rows["latent_size"] > 0]


@style.look()
def _draw_blocks(rows: pd.DataFrame) -> Figure:
    networks = _networks(rows)
    names = objectives(networks)
    columns = 1 + networks["latent_size"].nunique()
    across = len(names) if len(names) * columns <= SIDE_BY_SIDE else 1
    figure = Figure(figsize=_size(rows, columns, len(names), across), layout="constrained")
    panels = figure.subplots(len(names) // across, across, squeeze=False).flat
    for axes, name in zip(panels, names, strict=True):
        _draw_block(axes, pd.concat([rows[rows["latent_size"] == 0], _of(networks, name)]))
        _mark_columns(axes, sorted(set(networks["latent_size"])))
        axes.tick_params(labelleft=across == 1 or name == names[0])
        axes.set_title(headed(style.TRAINED_WITH[name]), y=1.0, pad=16)
    return figure


def _size(rows: pd.DataFrame, columns: int, blocks: int, across: int) -> tuple[float, float]:
    """Width and height, in inches, that hold the blocks and the class names beside them."""
    margin = 0.2 + 0.07 * rows["class_name"].map(style.shortened).str.len().max()
    tile = min(max(TILE, BLOCK / columns), (style.PAGE_WIDTH - margin) / (across * columns))
    height = tile * rows["position"].nunique() + 0.55
    return tile * across * columns + margin, height * (blocks // across)


def _draw_block(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw one tile a row of the table, down by example and across by latent size."""
    limits = Limits(*(rows[name].iloc[0] for name in Limits._fields))
    positions = {position: row for row, position in enumerate(dict.fromkeys(rows["position"]))}
    sizes = {size: column for column, size in enumerate(sorted(set(rows["latent_size"])))}
    for row in rows.to_dict("records"):
        size = row["latent_size"]
        centre = (sizes[size] + 0.12 * (size > 0), -positions[row["position"]])
        draw_tile(axes, row["values"], centre, limits)
    names = rows.drop_duplicates("position")["class_name"].map(style.shortened)
    axes.set_yticks([-row for row in positions.values()], list(names))
    axes.set_ylim(-len(positions) + 0.5, 0.5)


def _mark_columns(axes: Axes, sizes: list[int]) -> None:
    places = [0, *(column + 1.12 for column in range(len(sizes)))]
    axes.set_xticks(places, [_("original"), *map(str, sizes)])
    axes.set_xlim(-0.5, len(sizes) + 0.62)
    axes.set_aspect("equal")
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=1)
    axes.spines[:].set_visible(False)


@style.look()
def _draw_charts(rows: pd.DataFrame) -> Figure:
    networks = _networks(rows)
    names, positions = objectives(networks), list(dict.fromkeys(rows["position"]))
    sizes = sorted(set(networks["latent_size"]))
    lines = [(name, position) for name in names for position in positions]
    figure = Figure(figsize=(style.PAGE_WIDTH, 0.4 + 0.85 * len(lines)), layout="constrained")
    grid = figure.subplots(len(lines), len(sizes), squeeze=False, sharex=True, sharey=True)
    for (name, position), panels in zip(lines, grid, strict=True):
        for size, axes in zip(sizes, panels, strict=True):
            part = rows[rows["position"] == position]
            _draw_chart(axes, part, _of(part, name), size)
            title = _("size {size}").format(size=size) if axes in grid[0] else ""
            axes.set_title(title, fontweight="normal")
        panels[0].set_ylabel(name)
    figure.supxlabel(_("feature"), fontsize=style.TEXT)
    return figure


def _draw_chart(axes: Axes, rows: pd.DataFrame, networks: pd.DataFrame, size: int) -> None:
    """Draw an original, and over it the reconstruction of one latent size."""
    original = rows.loc[rows["latent_size"] == 0, "values"].iloc[0].ravel()
    axes.plot(original, color=style.FAINT, linewidth=2.2)
    if rows["counts"].iloc[0]:
        axes.set_yscale("function", functions=(np.log1p, np.expm1))
        powers = range(1, max(int(np.log10(rows["high"].iloc[0])), 1) + 1)
        axes.set_yticks([0, *(10**power for power in powers)])
    for axis in (axes.xaxis, axes.yaxis):
        style.number_axis(axis)
    for values in networks.loc[networks["latent_size"] == size, "values"]:
        line = style.line_of(networks["objective"].iloc[0], "neg_elbo")
        axes.plot(values.ravel(), color=line.colour, linewidth=0.8)


def _of(rows: pd.DataFrame, objective: str) -> pd.DataFrame:
    return rows[rows["objective"] == objective]


def _errors(rows: pd.DataFrame, name: object) -> str:
    """The error of an objective at its least and at its greatest latent size."""
    errors = rows.drop_duplicates("latent_size").set_index("latent_size")["mse_of_mean"]
    ends = errors.iloc[[0, -1] if len(errors) > 1 else [0]]
    at = _("{error} at size {size}")
    words = [at.format(error=printed(value, ".3g"), size=size) for size, value in ends.items()]
    return f"{style.TRAINED_WITH[str(name)]}, {listed(words)}"
