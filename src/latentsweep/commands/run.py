"""`latentsweep run`: a study, from data to report."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latentsweep.commands import options, own_data

if TYPE_CHECKING:
    from latentsweep.workflow.executors import Local


@options.with_fields(*options.OPTIONS)
def run(
    study: Annotated[
        str | None,
        typer.Argument(
            help="A built-in study or a TOML file; without one mnist, or else digits.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The run folder.", show_default="runs/<study or data>"),
    ] = None,
    changes: dict[str, Any] = {},  # noqa: B006
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and its price, and stop.")
    ] = False,
    trust: options.Trust = False,
    force: Annotated[
        bool, typer.Option("--force", help="Start anew, removing the run in the folder.")
    ] = False,
) -> None:
    """Train, measure and report a study. The same command goes on where it was interrupted."""
    own_data.announce(changes.get("data"))
    from latentsweep.commands.display import Terminal, closing_lines
    from latentsweep.workflow.run import execute

    with Terminal() as terminal:
        here = _prepared(study, output, changes, terminal, trust=trust, anew=force)
        for line in _plan_lines(here):
            terminal.say(line)
        if not dry_run:
            execute(here, force=force, command=shlex.join(["latentsweep", *sys.argv[1:]]))
    if not dry_run:
        print("\n".join(closing_lines(here.run)))


def _prepared(
    name: str | None,
    output: Path | None,
    changes: dict[str, Any],
    terminal: Any,
    *,
    trust: bool,
    anew: bool,
) -> "Local":
    from latentsweep.data.catalogue import load_dataset
    from latentsweep.model.consent import consent
    from latentsweep.record.folder import RunFolder
    from latentsweep.training.experiment import Experiment
    from latentsweep.workflow.begin import as_begun
    from latentsweep.workflow.executors import Local
    from latentsweep.workflow.run import choose_study, default_folder, settled

    chosen = choose_study(name, changes.get("data"))
    if name is None and "data" not in changes:
        terminal.say(_chosen_for_user(chosen.name))
    study = settled(chosen, changes)
    consent(study.network, trust=trust or "network" in changes)
    folder = RunFolder(output or default_folder(study, data=changes.get("data")))
    if not anew:
        study = as_begun(folder, study)
    return Local(folder, Experiment(study, load_dataset(study)), terminal)


def _chosen_for_user(name: str) -> str:
    from latentsweep.data.catalogue import known

    if name == "digits":
        mnist = next(k for k in known() if k.name == "mnist")
        return f"MNIST can't be had here, so this is the digits study. To get MNIST: {mnist.how}."
    return "MNIST can be had, so this is the mnist study; 'latentsweep run digits' takes a minute."


def _plan_lines(here: "Local") -> list[str]:
    from latentsweep.commands.display import duration, network_words
    from latentsweep.training.members import members_of
    from latentsweep.workflow.run import seconds_expected

    experiment, study = here.experiment, here.experiment.study
    seeds = f"{len(study.seeds)} seed{'s' if len(study.seeds) > 1 else ''}"
    sizes = ", ".join(str(size) for size in study.latent_sizes)
    objectives = ", ".join(variant.name for variant in study.variants)
    family = f"sizes {sizes} x {objectives} x {seeds}"
    steps = experiment.recipe(max(study.latent_sizes)).steps_per_epoch * study.epochs
    price = duration(seconds_expected(experiment))
    return [
        f"study   {study.name}: {study.description}" if study.description else study.name,
        *own_data.data_lines(experiment),
        f"network {network_words(study)}",
        f"models  {len(members_of(study))}: {family}, {steps:,} steps each",
        f"price   {price} on this machine, from nothing to the report",
        f"folder  {here.run.path}",
    ]
