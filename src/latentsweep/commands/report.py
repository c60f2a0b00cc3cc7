"""`latentsweep report`: a run's figures and page, drawn again from what it saved."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from latentsweep.record.folder import RunFolder


class Only(StrEnum):
    """What to draw, if not all."""

    FIGURES = "figures"


class Lang(StrEnum):
    """The languages of a page."""

    EN = "en"
    PT = "pt"


Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="The folder to write to.", show_default="RUN"),
]


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    only: Annotated[Only | None, typer.Option(help="Draw the figures and no page.")] = None,
    lang: Annotated[
        Lang, typer.Option(help="The page's first language; it can be switched there.")
    ] = Lang.EN,
    output: Output = None,
) -> None:
    """Draw a run's figures and report again; needs neither the data nor JAX."""
    from latentsweep.language import speaking
    from latentsweep.show.figures import figures_folder, write_figures
    from latentsweep.show.report import write_report

    with shown(run, output) as folder, speaking(lang):
        write_figures(folder)
        opened = figures_folder(folder) if only else write_report(folder, lang)
    print(f"Open {opened}")


@contextmanager
def shown(run: Path, output: Path | None) -> "Iterator[RunFolder]":
    """A run whose pages go to another folder, or under its lock to its own."""
    from latentsweep.record.folder import RunFolder
    from latentsweep.record.lock import locked

    opened = RunFolder.opened(run)
    folder = RunFolder(opened.path, output)
    with locked(folder.path) if output is None else nullcontext():
        yield folder
