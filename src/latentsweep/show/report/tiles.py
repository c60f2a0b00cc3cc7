"""Items of a run as small pictures for a page: reconstructions at every size, best and worst.

A picture is an address that holds the data itself: a PNG of at most 48 pixels a side where the
items are images (the page enlarges it), otherwise an SVG of a small line chart.
"""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from latentsweep.language import _, ngettext
from latentsweep.record.folder import Examples, RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures.items import LINE_MARGIN, Limits, are_images, pixels, value_limits
from latentsweep.show.members import class_names, few, first_seeds, objectives

SIDE, THUMBNAIL_SIDE = 48, 28  # pixels, or units of an SVG, across
FLATNESS = 40 / 64  # a chart's height by its width
POINTS_ACROSS = 2  # of a line, for each unit of a chart's width
MOST_SIZES, MOST_CLASSES, MOST_EXAMPLES = 10, 10, 6


@dataclass(frozen=True)
class Tile:
    """A small picture: the address that holds it, what it is, and the words under it."""

    address: str
    alt: str
    label: str


@dataclass(frozen=True)
class Strip:
    """One example at every size: a row of tiles for each objective, None where none finished."""

    name: str
    original: Tile
    rows: tuple[tuple[str, tuple[Tile | None, ...]], ...]


@dataclass(frozen=True)
class Extreme:
    """An example, what a network makes of it, and that reconstruction's loss in nats."""

    original: Tile
    reconstruction: Tile
    loss: str


@dataclass(frozen=True)
class Extremes:
    """What one network reconstructs best, the best first, and worst, the worst first."""

    member: str
    objective: str
    latent_size: int
    best: tuple[Extreme, ...]
    worst: tuple[Extreme, ...]


def strips(run: RunFolder) -> tuple[list[int], list[Strip]]:
    """The latent sizes, and one example a class (without labels the first ones) at each of them."""
    members = first_seeds(run, MOST_SIZES)
    sizes = sorted(set(members["latent_size"]))
    if not sizes:
        return [], []
    shown = _Shown(run.manifest(), run.examples())
    positions = _one_a_class(shown.examples)
    tiles = {
        (member["objective"], member["latent_size"]): _reconstructions(
            shown, positions, run.arrays(member["member"])["shown/decodes"], member
        )
        for member in members.to_dict("records")
    }
    rows = [_rows(tiles, objectives(members), sizes, place) for place in range(len(positions))]
    strips = zip(positions, rows, strict=True)
    return sizes, [Strip(shown.name(i), shown.original(i), row) for i, row in strips]


def extremes(run: RunFolder, most: int = 8) -> list[Extremes]:
    """The shown examples of least and of greatest loss, at most `most` each, of every network.

    A network is the first seed of an objective and latent size; its loss is the negative
    log-likelihood of decode(mean). No example is among the best and the worst.
    """
    members = first_seeds(run, MOST_SIZES)
    if members.empty:
        return []
    shown = _Shown(run.manifest(), run.examples())
    in_order = [
        member
        for name in objectives(members)
        for member in members[members["objective"] == name].to_dict("records")
    ]
    return [_extremes(shown, member, run.arrays(member["member"]), most) for member in in_order]


def thumbnails(run: RunFolder, most: int) -> tuple[np.ndarray, list[str]]:
    """Places among the shown examples, at most `most` and evenly taken, and their addresses."""
    shown = _Shown(run.manifest(), run.examples())
    positions = few(range(len(shown.examples.values)), most)
    return np.array(positions, int), [shown.address(i, THUMBNAIL_SIDE) for i in positions]


def image_address(image: np.ndarray, limits: Limits, side: int) -> str:
    """An image as the address of an 8-bit PNG, shrunk where it is larger than `side`.

    Args:
        image: [height, width] or [height, width, channels].
        limits: the values that become 0 and 255; what lies beyond them is clipped.
        side: the most pixels of its height and width.
    """
    levels = np.rint(255 * np.clip(limits.shares(pixels(image)), 0, 1)).astype(np.uint8)
    picture, buffer = Image.fromarray(levels), io.BytesIO()
    if max(picture.size) > side:
        width, height = (max(1, round(n * side / max(picture.size))) for n in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)
    picture.save(buffer, "PNG", optimize=True)
    return _address("image/png", buffer.getvalue())


def chart_address(lines: Iterable[tuple[np.ndarray, str, float]], limits: Limits, side: int) -> str:
    """Lines over each other as the address of an SVG `side` units wide.

    Args:
        lines: each the values [feature], a colour and a width.
        limits: the values at the bottom and at the top, but for a margin.
        side: the width in units.
    """
    drawn = "".join(
        f'<polyline points="{_corners(values, limits, side)}" fill="none" stroke="{colour}" '
        f'stroke-width="{width:g}"/>'
        for values, colour, width in lines
    )
    height = FLATNESS * side
    chart = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {height:g}" '
        f'width="{side}" height="{height:g}">{drawn}</svg>'
    )
    return _address("image/svg+xml", chart.encode())


def _corners(values: np.ndarray, limits: Limits, side: int) -> str:
    """The corners of a line in the units of its chart, at most two for each unit of its width."""
    places = np.array(few(range(len(values)), POINTS_ACROSS * side))
    across = side * places / max(len(values) - 1, 1)
    heights = LINE_MARGIN + (1 - 2 * LINE_MARGIN) * limits.shares(values[places])
    down = FLATNESS * side * (1 - heights)
    return " ".join(f"{x:g},{y:g}" for x, y in zip(across.round(1), down.round(1), strict=True))


class _Shown:
    """The shown examples of a run, their names, and how they are drawn."""

    def __init__(self, manifest: Mapping[str, Any], examples: Examples) -> None:
        self.manifest, self.examples = manifest, examples
        self.images = are_images(manifest, examples.values)
        self.limits = value_limits(manifest, examples.values)
        self._originals: dict[int, Tile] = {}

    @cached_property
    def classes(self) -> list[str]:
        """Each example's class, "" without labels."""
        if self.examples.labels is None:
            return [""] * len(self.examples.values)
        labels = self.examples.labels[self.examples.indices]
        return [str(name) for name in class_names(self.manifest["data"]["label_names"], labels)]

    def name(self, position: int) -> str:
        """An example's class, or its place in the test split: "example 17"."""
        place = f"{sentences.item(self.manifest)} {self.examples.indices[position]}"
        return self.classes[position].strip() or place

    def address(self, position: int, side: int) -> str:
        """The picture of an original."""
        values = self.examples.values[position]
        if self.images:
            return image_address(values, self.limits, side)
        return chart_address([(values.ravel(), style.QUIET, 1.0)], self.limits, side)

    def original(self, position: int) -> Tile:
        """An original with its class under it, made once."""
        if position not in self._originals:
            # Translators: {name} is a class of the data, or "image 17".
            alt = _("{name}, the original").format(name=self.name(position))
            label = style.shortened(self.name(position))
            self._originals[position] = Tile(self.address(position, SIDE), alt, label)
        return self._originals[position]

    def reconstruction(self, position: int, values: np.ndarray, objective: str) -> str:
        """The picture of a reconstruction: an image, or a line over the original's."""
        if self.images:
            return image_address(values, self.limits, SIDE)
        original = (self.examples.values[position].ravel(), style.FAINT, 2.2)
        colour = style.line_of(objective, "neg_elbo").colour
        return chart_address([original, (values.ravel(), colour, 1.0)], self.limits, SIDE)


def _reconstructions(
    shown: _Shown, positions: Sequence[int], decodes: np.ndarray, member: Mapping[Any, Any]
) -> list[Tile]:
    """What one network makes of some examples, its latent size under each."""
    size = member["latent_size"]
    return [
        Tile(
            shown.reconstruction(position, decodes[position], member["objective"]),
            _reconstructed(shown.name(position), size),
            str(size),
        )
        for position in positions
    ]


def _reconstructed(name: str, size: int) -> str:
    return ngettext(
        "{name}, reconstructed with {size} dimension",
        "{name}, reconstructed with {size} dimensions",
        size,
    ).format(name=name, size=size)


def _rows(
    tiles: Mapping[tuple[str, int], Sequence[Tile]],
    names: Sequence[str],
    sizes: Sequence[int],
    place: int,
) -> tuple[tuple[str, tuple[Tile | None, ...]], ...]:
    """The tiles of one example, an objective a row and a size a column."""
    cells = {key: column[place] for key, column in tiles.items()}
    return tuple(
        (style.TRAINED_WITH[name], tuple(cells.get((name, size)) for size in sizes))
        for name in names
    )


def _one_a_class(examples: Examples) -> list[int]:
    """Places among the shown examples: the first of each class, or the first ones."""
    if examples.labels is None:
        return list(range(min(MOST_EXAMPLES, len(examples.values))))
    firsts = np.unique(examples.labels[examples.indices], return_index=True)[1]
    return [int(first) for first in firsts[:MOST_CLASSES]]


def _extremes(
    shown: _Shown, member: Mapping[Any, Any], arrays: Mapping[str, np.ndarray], most: int
) -> Extremes:
    measured = "test/reconstruction_of_mean"
    losses = arrays[measured if measured in arrays else "test/reconstruction"]
    losses = losses[shown.examples.indices]
    best, worst = ends(losses, most)
    chosen = {
        position: _extreme(shown, position, arrays["shown/decodes"][position], member, loss)
        for position, loss in zip([*best, *worst], losses[[*best, *worst]], strict=True)
    }
    return Extremes(
        member=member["member"],
        objective=style.TRAINED_WITH[member["objective"]],
        latent_size=int(member["latent_size"]),
        best=tuple(chosen[position] for position in best),
        worst=tuple(chosen[position] for position in worst),
    )


def ends(losses: np.ndarray, most: int) -> tuple[list[int], list[int]]:
    """The places of the least losses and of the greatest, at most `most` and none in both."""
    order = [int(place) for place in np.argsort(losses, kind="stable")]
    half = (len(order) + 1) // 2
    return order[:half][:most], order[half:][::-1][:most]


def _extreme(
    shown: _Shown, position: int, values: np.ndarray, member: Mapping[Any, Any], loss: float
) -> Extreme:
    nats = sentences.number(float(loss))
    reconstructed = _reconstructed(shown.name(position), member["latent_size"])
    tile = Tile(
        shown.reconstruction(position, values, member["objective"]),
        _("{reconstructed}: {loss} nats").format(reconstructed=reconstructed, loss=nats),
        nats,
    )
    return Extreme(shown.original(position), tile, nats)


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
