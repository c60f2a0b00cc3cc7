"""`latentsweep report`: a run's figures and page, drawn again from what it saved."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Only(StrEnum):
    """What to draw, if not all."""

    FIGURES = "figures"


class Lang(StrEnum):
    """The languages of a page."""

    EN = "en"
    PT = "pt"


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    only: Annotated[Only | None, typer.Option(help="Draw the figures and no page.")] = None,
    lang: Annotated[
        Lang, typer.Option(help="The page's first language; it can be switched there.")
    ] = Lang.EN,
) -> None:
    """Draw a run's figures and report again; needs neither the data nor JAX."""
    from latentsweep.language import speaking
    from latentsweep.record.folder import RunFolder
    from latentsweep.record.lock import locked
    from latentsweep.show.figures import figures_folder, write_figures
    from latentsweep.show.report import write_report

    folder = RunFolder.opened(run)
    with locked(folder.path), speaking(lang):
        write_figures(folder)
        opened = figures_folder(folder) if only else write_report(folder, lang)
    print(f"Open {opened}")
