"""`latentsweep explore`: a page in which a run's networks can be played with."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from latentsweep.commands.report import Lang, Output, shown


def explore(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    lang: Annotated[
        Lang, typer.Option(help="The page's first language; it can be switched there.")
    ] = Lang.EN,
    show: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = True,
    output: Output = None,
) -> None:
    """Make explorer.html and open it: draw, and every size of the run answers; offline."""
    from latentsweep.show.explorer import write_explorer

    with shown(run, output) as folder:
        page = write_explorer(folder, lang)
    print(f"Open {page}")
    if show:
        webbrowser.open(page.resolve().as_uri())
