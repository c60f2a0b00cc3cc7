"""The figures of a run: each file computes a tidy table, draws it, and captions it from it.

A picture is drawn again only when something that it is made from has changed: what it was drawn
from is kept in the header of its PNG, so the report reuses what `write_figures` made.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from latentsweep.errors import RunFolderError, nearest
from latentsweep.language import _, marked, spoken
from latentsweep.record import atomic
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.figures import (
    curves,
    dimensions,
    grid,
    headline,
    plane,
    rate_distortion,
    reconstructions,
    terms,
    tsne,
)


class Drawing(Protocol):
    """What each file of this package offers; an empty table means: nothing to draw here."""

    table: Callable[[RunFolder], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Figure]
    caption: Callable[[pd.DataFrame], str]
    alt: Callable[[pd.DataFrame], str]


@dataclass(frozen=True)
class NamedFigure:
    """A figure of the report: its file name, its heading, and how it is made."""

    name: str
    title: str
    drawing: Drawing

    def applies(self, run: RunFolder) -> bool:
        """True if this run holds something for the figure to show."""
        return not self.drawing.table(run).empty


FIGURES = (
    NamedFigure("headline", marked("The loss and the bound"), headline),
    NamedFigure("terms", marked("What the bound is made of"), terms),
    NamedFigure("rate_distortion", marked("What a nat of code buys"), rate_distortion),
    NamedFigure("dimensions", marked("What each dimension carries"), dimensions),
    NamedFigure("reconstructions", marked("Reconstructions"), reconstructions),
    NamedFigure("plane", marked("The latent plane"), plane),
    NamedFigure("grid", marked("A grid of the latent plane"), grid),
    NamedFigure("tsne", marked("The latent spaces on a plane"), tsne),
    NamedFigure("curves", marked("Learning curves"), curves),
)


@dataclass(frozen=True)
class Picture:
    """A drawn figure in the run folder, with its words."""

    name: str
    title: str
    caption: str
    alt: str
    png: Path
    svg: Path


def figure(run: RunFolder, name: str) -> Figure:
    """A figure of a run, drawn anew.

    Raises:
        RunFolderError: there is no figure of that name, or this run has nothing for it to show.
    """
    known = {each.name: each for each in FIGURES if each.applies(run)}
    if name not in known:
        raise RunFolderError(
            f"figure: one that this run has is needed ({', '.join(known)}), "
            f"got '{name}'{nearest(name, known)}"
        )
    drawing = known[name].drawing
    return drawing.draw(drawing.table(run))


def figures_folder(run: RunFolder) -> Path:
    """Where the figures in the language of the moment stand: those in English in `figures/`."""
    return run.figures_path if spoken() == "en" else run.figures_path / spoken()


def write_figures(run: RunFolder) -> list[Path]:
    """The files of every figure that applies to a run, a PNG and an SVG each, up to date."""
    return [path for picture in write_pictures(run) for path in (picture.png, picture.svg)]


def write_pictures(run: RunFolder) -> list[Picture]:
    """Every figure that applies to a run, written where it is not there already, with its words."""
    failures = sentences.left_out(run.results())
    pictures = []
    for figure in FIGURES:
        rows = figure.drawing.table(run)
        if not rows.empty:
            png, svg = _write(figures_folder(run) / figure.name, figure, rows)
            caption = figure.drawing.caption(rows) + (
                failures if figure.drawing is not curves else ""
            )
            alt = figure.drawing.alt(rows)
            pictures.append(Picture(figure.name, _(figure.title), caption, alt, png, svg))
    return pictures


def _write(stem: Path, figure: NamedFigure, rows: pd.DataFrame) -> tuple[Path, Path]:
    """Write a figure's PNG and SVG unless both are there and drawn from the same rows."""
    source = f"latentsweep {digest(rows)}"
    paths = stem.with_suffix(".png"), stem.with_suffix(".svg")
    if not all(path.exists() and source.encode() in path.read_bytes() for path in paths):
        drawn = figure.drawing.draw(rows)
        for path in paths:
            atomic.write_bytes(path, style.saved(drawn, path.suffix[1:], source))
            drawn.set_layout_engine("none")  # the layout is made; the other file has the same
    return paths


def digest(rows: pd.DataFrame) -> str:
    """A fingerprint of all that a picture is made from: its rows, code, words and matplotlib."""
    fingerprint = hashlib.sha256(f"{matplotlib.__version__} {spoken()}".encode())
    fingerprint.update(_code())
    for name, column in rows.items():
        fingerprint.update(str((name, column.dtype, len(column))).encode())
        fingerprint.update(_content(column))
    return fingerprint.hexdigest()


@functools.cache
def _code() -> bytes:
    """A fingerprint of the sources that draw and of the catalogues, as this process has them."""
    fingerprint, package = hashlib.sha256(), Path(__file__).parents[2]
    for source in sorted([*package.glob("show/**/*.py"), *package.glob("locale/**/*.mo")]):
        fingerprint.update(source.read_bytes())
    return fingerprint.digest()


def _content(column: pd.Series) -> bytes:
    """The bytes of a column's values, of arrays as well as of numbers and words."""
    if len(column) and isinstance(column.iloc[0], np.ndarray):
        return b"".join(str(v.shape).encode() + v.tobytes() for v in column)
    if column.dtype.kind in "biuf":
        return column.to_numpy().tobytes()
    return "\0".join(map(str, column)).encode()
