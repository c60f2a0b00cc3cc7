"""`latentsweep evaluate`: measure a run's networks again, from their saved weights."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Metrics(StrEnum):
    """How much to measure."""

    BASIC = "basic"
    FULL = "full"


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    metrics: Annotated[
        Metrics, typer.Option(help="basic: the table of results; full: also the projections.")
    ] = Metrics.FULL,
) -> None:
    """Measure a run's trained networks again; 'report' then draws what changed."""
    from latentsweep.commands.display import Terminal, results_text
    from latentsweep.pipeline.run import remeasure
    from latentsweep.record.folder import RunFolder

    folder = RunFolder.opened(run)
    with Terminal() as terminal:
        remeasure(folder, full=metrics is Metrics.FULL, observer=terminal)
    print(results_text(folder.results(), folder.manifest()))
    print(f"\nNow 'latentsweep report {run}' draws them.")
