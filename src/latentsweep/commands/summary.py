"""`latentsweep summary`: the results of a run, in the terminal."""

from pathlib import Path
from typing import Annotated

import typer


def summary(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    everything: Annotated[
        bool, typer.Option("--all", help="Every column, one model after another.")
    ] = False,
) -> None:
    """Print a run's results: the table, what was seen, and every group of numbers."""
    from latentsweep.commands.display import closing_lines, group_lines
    from latentsweep.record.folder import RunFolder

    folder = RunFolder.opened(run)
    if everything:
        print(folder.results().set_index("member").T.to_string())
    else:
        *closing, _, opened = closing_lines(folder)
        print("\n".join([*closing[1:], *group_lines(folder), "", opened]))
