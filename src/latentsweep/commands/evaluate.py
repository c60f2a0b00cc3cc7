"""`latentsweep evaluate`: measure a run's networks again, from their saved weights."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from latentsweep.commands import options


class Metrics(StrEnum):
    """How much to measure."""

    BASIC = "basic"
    USUAL = "usual"
    FULL = "full"


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    metrics: Annotated[
        Metrics,
        typer.Option(
            help="basic: the table of results; usual: also structure, regularity, samples, and the "
            "likelihood of one seed; full: of all seeds."
        ),
    ] = Metrics.USUAL,
    again: Annotated[
        bool, typer.Option("--again", help="Measure anew what was measured before.")
    ] = False,
    trust: options.Trust = False,
) -> None:
    """Measure a run's trained networks, from their saved weights; 'report' then draws it."""
    from latentsweep.commands.display import Terminal, results_text
    from latentsweep.model.consent import consent
    from latentsweep.record.folder import RunFolder
    from latentsweep.workflow.run import remeasure

    folder = RunFolder.opened(run)
    consent(folder.study().network, trust=trust)
    with Terminal() as terminal:
        remeasure(folder, metrics.value, terminal, again=again)
    print(results_text(folder.results(), folder.manifest()))
    print(f"\nNow 'latentsweep report {run}' draws them.")
