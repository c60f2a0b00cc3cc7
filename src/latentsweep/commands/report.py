"""`latentsweep report`: a run's figures and page, drawn again from what it saved."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Only(StrEnum):
    """What to draw, if not all."""

    FIGURES = "figures"


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    only: Annotated[Only | None, typer.Option(help="Draw the figures and no page.")] = None,
) -> None:
    """Draw a run's figures and report again; needs neither the data nor JAX."""
    from latentsweep.record.folder import RunFolder
    from latentsweep.record.lock import locked
    from latentsweep.show.figures import write_figures
    from latentsweep.show.report import write_report

    folder = RunFolder.opened(run)
    with locked(folder.path):
        write_figures(folder)
        if only is None:
            write_report(folder)
    print(f"Open {folder.figures_path if only else folder.report_path}")
