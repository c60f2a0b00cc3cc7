"""`latentsweep recommend`: how many latent dimensions the data needs, and how sure that is."""

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latentsweep.commands import options, own_data

if TYPE_CHECKING:
    from latentsweep.workflow.executors import Local
    from latentsweep.workflow.search import Ask


class By(StrEnum):
    """What sizes are compared by."""

    ELBO = "elbo"
    RECONSTRUCTION = "reconstruction"
    KNN = "knn"


@options.with_fields(*options.OWN_DATA)
def recommend(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A known data set, a table, an array file, a folder of images, or a run folder.",
            metavar="DATA|RUN",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The run folder.", show_default="runs/<data>"),
    ] = None,
    budget: Annotated[
        str, typer.Option(help="Time to spend, such as 90s, 10m or 2h.", metavar="TIME")
    ] = "10m",
    precision: Annotated[
        int, typer.Option(help="How wide the set of sizes may be in the end.", metavar="N", min=0)
    ] = 2,
    check: Annotated[
        int | None,
        typer.Option(help="A size you use: is it all right?", metavar="K", min=1, max=4096),
    ] = None,
    criterion: Annotated[By, typer.Option(help="What the sizes are compared by.")] = By.ELBO,
    target: Annotated[
        float | None,
        typer.Option(help="The mean squared error to reach, for --criterion reconstruction."),
    ] = None,
    losses: Annotated[
        Path | None,
        typer.Option(
            help="Instead of DATA: a Parquet or CSV table with latent_size, seed, example, loss.",
            metavar="TABLE",
        ),
    ] = None,
    changes: dict[str, Any] = {},  # noqa: B006
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what was found and the price, and stop.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Start anew, removing the run in the folder.")
    ] = False,
) -> None:
    """Recommend a latent size: from data, from a finished run, or from losses of your own."""
    from latentsweep.commands.answers import recommendation_lines
    from latentsweep.errors import StudyError

    if (source is None) == (losses is None):
        raise StudyError(
            "recommend: either DATA (or a run folder) or --losses TABLE is needed, got "
            f"{'neither' if source is None else 'both'}; e.g. latentsweep recommend digits"
        )
    rule = _rule(criterion, target)
    others = criterion is not By.ELBO or output or changes or force or dry_run
    if losses is not None and others:
        raise StudyError(
            "recommend: --losses TABLE takes --check alone, since nothing is trained or measured, "
            "got others beside it; leave them out"
        )
    if losses is not None:
        print("\n".join(_from_table(losses, rule, check)))
        return
    assert source is not None
    if (Path(source) / "manifest.json").exists():
        answer, folder = _from_run(Path(source), criterion, rule), Path(source)
    else:
        options = {"precision": precision, "budget": _seconds(budget), "check": check}
        asked = {"criterion": criterion.value, "rule": rule, **options}
        from latentsweep.workflow.search import search

        with _prepared(source, output, asked, changes, anew=force) as (here, ask):
            if dry_run:
                return
            command = shlex.join(["latentsweep", *sys.argv[1:]])
            found = search(here, ask, command=command, given=changes, force=force)
            answer, folder = found.json, here.run.path
    print("\n".join(recommendation_lines(answer, check)))
    print(f"\nOpen {folder / 'report.html'}")


def _rule(criterion: By, target: float | None) -> Any:
    from latentsweep.answers.recommendation import Rule
    from latentsweep.errors import StudyError

    if (criterion is By.RECONSTRUCTION) != (target is not None):
        raise StudyError(
            "target: --criterion reconstruction and --target go together (the smallest size whose "
            f"mean squared error is at most that), got --criterion {criterion.value} "
            f"{'without' if target is None else 'with'} --target"
        )
    return Rule(target=target)


def _from_table(path: Path, rule: Any, check: int | None) -> list[str]:
    from latentsweep.commands.answers import recommendation_lines
    from latentsweep.workflow.own_losses import recommend_losses

    return recommendation_lines(recommend_losses(path, rule), check)


def _from_run(path: Path, criterion: By, rule: Any) -> dict[str, Any]:
    from latentsweep.record.folder import RunFolder
    from latentsweep.workflow.answer import answer

    return answer(RunFolder.opened(path), criterion.value, rule).json


@contextmanager
def _prepared(
    source: str,
    output: Path | None,
    asked: dict[str, Any],
    changes: dict[str, Any],
    *,
    anew: bool,
) -> "Iterator[tuple[Local, Ask]]":
    """A search that is ready to begin, once what was found is said."""
    own_data.announce(source)
    from latentsweep.commands.display import Terminal
    from latentsweep.record.folder import RunFolder
    from latentsweep.workflow.recommend import prepared
    from latentsweep.workflow.run import study_name
    from latentsweep.workflow.search import Ask

    ask = Ask(**asked)
    folder = RunFolder(output or Path("runs") / f"recommend-{study_name(source)}")
    with Terminal() as terminal:
        here = prepared(folder, source, changes, terminal, budget=ask.budget, anew=anew)
        for line in _found_lines(here, ask):
            terminal.say(line)
        yield here, ask


def _found_lines(here: "Local", ask: "Ask") -> list[str]:
    """What was found in the data, and what the search will cost."""
    from latentsweep.answers.search import first_step
    from latentsweep.commands.display import duration, network_words
    from latentsweep.workflow.search import goal_of, seconds_a_network

    experiment, study = here.experiment, here.experiment.study
    first = first_step(goal_of(study, experiment.dataset, ask))
    one = seconds_a_network(here)
    return [
        *own_data.data_lines(experiment),
        f"network {network_words(study)}, {study.epochs} epochs, about {one:.1f} s each on this "
        "machine",
        f"first   {first.networks} networks, {duration(first.networks * one)}; in all at most "
        f"{duration(ask.budget)}, and what the tests and pages in the end take",
        f"folder  {here.run.path}",
    ]


def _seconds(text: str) -> float:
    """Seconds of "90s", "10m", "2h" or a bare number of minutes.

    Raises:
        StudyError: none of these.
    """
    from latentsweep.errors import StudyError

    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text)
    if not found or not float(found[1]):
        raise StudyError(f"budget: a time such as 90s, 10m or 2h is needed, got '{text}'")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600, "": 60}[found[2]]
