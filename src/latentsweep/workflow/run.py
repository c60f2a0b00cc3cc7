"""A run: from a study to a folder that holds everything about it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from latentsweep.data.catalogue import SUFFIXES, is_known, load_dataset, mnist_at_hand
from latentsweep.data.sources.in_memory import saved
from latentsweep.data.splits import SPLIT
from latentsweep.errors import RunFolderError
from latentsweep.evaluation.blocks import BASIC, FURTHER, TERMS
from latentsweep.model.consent import consent, named
from latentsweep.paths import user_path
from latentsweep.record.contents import check_folder
from latentsweep.record.folder import RunFolder
from latentsweep.record.lock import locked
from latentsweep.study import Study, built_in_studies, load_study
from latentsweep.training.cost import price, seconds_to_read, supply_of
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import members_in, members_of
from latentsweep.training.program_cache import kept_programs
from latentsweep.workflow import measure, project, train
from latentsweep.workflow.begin import as_begun, begin, check_same, loaded
from latentsweep.workflow.executors import Local
from latentsweep.workflow.manifest import settings_of, versions
from latentsweep.workflow.measure import SIMILARITIES
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.opened_run import Run
from latentsweep.workflow.outcome import ALARMS, ANSWERS, DRAWN
from latentsweep.workflow.tasks import Task

Metrics = Literal["basic", "usual", "full"]


def run(
    study: str | Path | Study | None = None,
    output: str | Path | None = None,
    *,
    data: Any = None,
    labels: Any = None,
    latents: Sequence[int] | None = None,
    network: str | type | None = None,
    settings: Mapping[str, Any] | None = None,
    trust: bool = False,
    force: bool = False,
    observer: Observer | None = None,
) -> Run:
    """Train, measure and report a study; the same call on an unfinished folder goes on.

    Args:
        study: a built-in name, the path of a TOML file, or a Study; without one, MNIST's if MNIST
            can be had, else the digits of scikit-learn.
        output: the run folder; `runs/<study>` if not given.
        data: an array [N, ...] or a data frame, which is kept in the run folder, or what names data
            in a study: a known data set, or the path of a table, an array or a folder of images.
        labels: the class of each example of an array or data frame, or the name of a column.
        latents: the latent sizes to compare instead of the study's.
        network: a kind of network, or a class of your own (docs/networks.md).
        settings: other fields of the study to change, such as `{"epochs": 5, "scale": "minmax"}`.
        trust: you know the code of the network that the study names, if it is not a built-in one.
        force: start anew, removing the run that is in the folder.
        observer: hears of the progress.

    Raises:
        LatentsweepError: a study, data or folder that can't be used.
    """
    changes: dict[str, Any] = dict(settings or {})
    if latents is not None:
        changes["latent_sizes"] = tuple(latents)
    if network is not None:
        changes["network"] = named(network)
    held = data is not None and not isinstance(data, str | Path)
    if data is not None:
        changes["data"] = "data" if held else str(data)
    chosen = study if isinstance(study, Study) else choose_study(study, changes.get("data"))
    consent(changes.get("network", chosen.network), trust=trust or "network" in changes)
    path = Path(output) if output else default_folder(chosen.changed(changes), changes.get("data"))
    check_folder(path)
    if held:
        changes |= saved(data, labels, path / "data", chosen.name)
    elif labels is not None:
        changes["label"] = labels
    folder, changed = RunFolder(path), settled(chosen, changes)
    if not force:
        changed = as_begun(folder, changed)
    experiment = Experiment(changed, load_dataset(changed))
    execute(Local(folder, experiment, observer), force=force, command="python")
    return Run(folder)


def choose_study(name: str | Path | None, data: str | None) -> Study:
    """The study that a name, or else the data, or else what is at hand, stands for."""
    if name is not None:
        return load_study(str(name))
    if data is None:
        return load_study("mnist" if mnist_at_hand() else "digits")
    if data in built_in_studies():
        return load_study(data)
    name = study_name(str(data))
    return Study(name=name, description=f"A family on {data}").changed({"data": data})


def study_name(data: str) -> str:
    """What a study of some data is called: after its file or folder."""
    stem = user_path("data", data).resolve().stem
    return re.sub(r"[^\w.-]+", "-", stem, flags=re.ASCII).lstrip("-.") or "data"


def settled(study: Study, changes: Mapping[str, Any]) -> Study:
    """The study with a user's changes; a file or folder by its whole path, found from anywhere.

    Raises:
        StudyError: an unknown field or a value that breaks its rule.
    """
    changed = study.changed(changes)
    path = user_path("data", changed.data)
    is_path = not is_known(changed.data) and (path.suffix.lower() in SUFFIXES or path.is_dir())
    return changed.changed({"data": str(path.resolve())}) if is_path else changed


def default_folder(study: Study, data: str | None) -> Path:
    """Where a run goes: named after the study, or after the data that was put in its place."""
    return Path("runs") / (study.name if data is None else user_path("data", data).resolve().stem)


def execute(here: Local, *, force: bool, command: str) -> None:
    """All stages on a folder, under its lock: what is done stays, what is missing is made.

    Raises:
        RunFolderError: the folder is in use, or holds another study or files but no run.
        StudyError: the study asks for what its data does not allow.
    """
    run, experiment, observer = here.run, here.experiment, here.observer
    with locked(run.path), kept_programs():
        if force:
            experiment.check()
            run.clear()
        if run.is_begun:
            check_same(run, experiment)
        else:
            begin(run, experiment, command)
        shown = run.report_path.exists() and run.answers_path.exists()
        if shown and run.manifest()["status"] == "complete":
            observer.say(f"{run.path} is already complete; --force makes it anew")
            return
        _warn_of_versions(run, observer)
        _stages(here)


def _stages(here: Local) -> None:
    train_and_measure(here, BASIC)
    here.all(project.missing(here.run))
    tell_results(here)
    here.all([ALARMS, ANSWERS, *DRAWN])
    here.run.write_manifest({**here.run.manifest(), "status": "complete"})


def train_and_measure(here: Local, blocks: Sequence[str]) -> None:
    """Train what is not trained, and measure blocks of what is, each pass as it ends."""
    run, experiment = here.run, here.experiment
    measure_all(here, measure.missing(run, experiment, blocks))
    for _ in here.each(train.missing(run, experiment)):
        measure_all(here, measure.missing(run, experiment, blocks))


def measure_all(
    here: Local, tasks: Sequence[Task], stage: str | None = None, account: str | None = None
) -> None:
    """Measure, and tell the results of each network whose terms are new.

    Args:
        stage: how it is called, if it is no part of another stage.
        account: the manifest's name for the seconds, if it is not the usual.
    """
    if stage is not None:
        here.observer.stage(stage, len(tasks))
    for done, task in enumerate(here.each(tasks, account), start=1):
        member, _, block = task.name.partition("/")
        if block == TERMS:
            tell_results(here, member)
        if stage is not None:
            here.observer.advance(done)


def tell_results(here: Local, newest: str | None = None) -> None:
    """Write the table of results from what blocks gave, and tell it if a member is new."""
    table = measure.results(here.run, here.experiment)
    here.run.write_results(table)
    if newest is not None:
        here.observer.results(table, newest)


def seconds_expected(experiment: Experiment) -> float:
    """About how long the whole run takes here."""
    members = members_of(experiment.study)
    width = max(experiment.study.latent_sizes)
    seconds = price(experiment.study, experiment.recipe(width), len(experiment.split(SPLIT)))
    supply = supply_of(experiment, len(experiment.study.seeds), width)
    if supply is None:
        return seconds
    return seconds + seconds_to_read(experiment, width, supply, len(members))


def remeasure(run: RunFolder, metrics: Metrics, observer: Observer, *, again: bool = False) -> None:
    """Measure all trained members again, and what more of them was never told.

    Args:
        metrics: "basic" for the table of results and the alarms alone, "usual" for all but the
            likelihood of further seeds, "full" for all.
        again: tell it anew, and project the latent spaces again.

    Raises:
        LatentsweepError: the run is unfinished, or its data is not there or not the same.
    """
    if run.manifest()["status"] != "complete":
        raise RunFolderError(
            f"{run.path}: its run is unfinished; the 'latentsweep run' that began it finishes it"
        )
    with locked(run.path), kept_programs():
        here = Local(run, loaded(run), observer)
        measure_all(here, measure.missing(run, here.experiment, BASIC, again=True), "measuring")
        if metrics != "basic":
            tasks = further(run, here.experiment, every_seed=metrics == "full", again=again)
            observer.stage("evaluating", len(tasks))
            for done, _ in enumerate(here.each(tasks, account="examine"), start=1):
                tell_results(here)
                observer.advance(done)
            here.all(project.missing(run, again=True) if again else [])
        tell_results(here)
        here.all([ALARMS] if metrics == "basic" else [ALARMS, ANSWERS])
        if metrics != "basic" and (names := _without_likelihood(run)):
            observer.say(
                f"the likelihood of {len(names)} models was left out, one seed having been done; "
                f"'latentsweep evaluate {run.path} --metrics full' adds it"
            )


def further(run: RunFolder, experiment: Experiment, *, every_seed: bool, again: bool) -> list[Task]:
    """What tells more of the data and of networks than their table of results.

    Args:
        every_seed: bound the likelihood of all seeds' networks, not of the first seed's alone.
        again: all of it, made or not.
    """
    first = f"-s{experiment.study.seeds[0]}/likelihood"
    blocks = [
        task
        for task in measure.missing(run, experiment, FURTHER, again=again)
        if every_seed or not task.name.endswith("/likelihood") or task.name.endswith(first)
    ]
    return [*measure.of_the_data(run, again=again), *blocks, Task("measure", SIMILARITIES)]


def _without_likelihood(run: RunFolder) -> list[str]:
    """The sound members whose likelihood is not bounded by importance weighting."""
    results = run.results()
    lacking = results.get("iw_nll", pd.Series(np.nan, results.index)).isna()
    return list(results.loc[lacking & (results["status"] == "ok"), "member"])


def keep_members(run: RunFolder) -> None:
    """Bring the manifest's list of members up to what a search has decided on."""
    begun = run.study()
    settings = [settings_of(begun, member) for member in members_in(run, begun)]
    run.write_manifest({**run.manifest(), "members": settings})


def _warn_of_versions(run: RunFolder, observer: Observer) -> None:
    """Say which versions differ from those that began the run: its last digits may."""
    begun, here = run.manifest()["versions"], versions()
    changed = [
        f"{name} {begun.get(name)}, now {here[name]}"
        for name in here
        if begun.get(name) != here[name]
    ]
    if changed:
        observer.say(f"begun with {'; '.join(changed)}: numbers may differ in the last digits")
