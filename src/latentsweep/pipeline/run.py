"""A run: from a study to a folder that holds everything about it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from latentsweep.data.catalogue import SUFFIXES, is_known, load_dataset, mnist_at_hand
from latentsweep.data.in_memory import saved
from latentsweep.errors import RunFolderError
from latentsweep.evaluation.evaluate import HELD_OUT, SPLIT, no_latent_losses
from latentsweep.model.consent import consent, named
from latentsweep.paths import user_path
from latentsweep.pipeline.examine import examine, left_out
from latentsweep.pipeline.finished import Run
from latentsweep.pipeline.held_out import hold_out
from latentsweep.pipeline.judge import write_answers
from latentsweep.pipeline.linear import linear_curves
from latentsweep.pipeline.manifest import manifest_of, settings_of, versions
from latentsweep.pipeline.measure import measure_member, measure_missing, write_shown
from latentsweep.pipeline.observer import Observer
from latentsweep.pipeline.plan import check_code, price
from latentsweep.pipeline.project import project
from latentsweep.pipeline.reading import seconds_to_read, supply_of
from latentsweep.pipeline.sample import as_measured
from latentsweep.pipeline.train import train
from latentsweep.pipeline.work import Work, is_trained
from latentsweep.record import atomic
from latentsweep.record.contents import check_folder
from latentsweep.record.folder import RunFolder
from latentsweep.record.lock import locked
from latentsweep.show.figures import write_figures
from latentsweep.show.report import write_report
from latentsweep.study import Study, built_in_studies, load_study
from latentsweep.training.program_cache import kept_programs

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
    work = Work(changed, load_dataset(changed), folder, observer or Observer())
    execute(work, force=force, command="python")
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


def as_begun(folder: RunFolder, study: Study) -> Study:
    """The study, its likelihood that of the run of this data in the folder where it says auto."""
    if study.likelihood != "auto" or not folder.is_begun:
        return study
    if folder.study().data != study.data:
        return study
    return study.changed({"likelihood": folder.manifest()["data"]["likelihood"]})


def default_folder(study: Study, data: str | None) -> Path:
    """Where a run goes: named after the study, or after the data that was put in its place."""
    return Path("runs") / (study.name if data is None else user_path("data", data).resolve().stem)


def execute(work: Work, *, force: bool, command: str) -> None:
    """All stages on a folder, under its lock: what is done stays, what is missing is made.

    Raises:
        RunFolderError: the folder is in use, or holds another study or files but no run.
        StudyError: the study asks for what its data does not allow.
    """
    with locked(work.folder.path), kept_programs():
        if force:
            work.check()
            work.folder.clear()
        if work.folder.is_begun:
            check_same(work)
        else:
            begin(work, command)
        shown = work.folder.report_path.exists() and work.folder.answers_path.exists()
        if shown and work.folder.manifest()["status"] == "complete":
            work.observer.say(f"{work.folder.path} is already complete; --force makes it anew")
            return
        _warn_of_versions(work)
        _stages(work)


def seconds_expected(work: Work) -> float:
    """About how long the whole run takes here."""
    seconds = price(work.study, work.recipe(), len(work.split(SPLIT)))
    supply = supply_of(work)
    return seconds + (0 if supply is None else seconds_to_read(work, supply, len(work.members)))


def remeasure(
    folder: RunFolder, metrics: Metrics, observer: Observer, *, again: bool = False
) -> None:
    """Measure all trained members again, and what more of them was never told.

    Args:
        metrics: "basic" for the table of results and the alarms alone, "usual" for all but the
            likelihood of further seeds, "full" for all.
        again: tell it anew, and project the latent spaces again.

    Raises:
        LatentsweepError: the run is unfinished, or its data is not there or not the same.
    """
    if folder.manifest()["status"] != "complete":
        raise RunFolderError(
            f"{folder.path}: its run is unfinished; the 'latentsweep run' that began it finishes it"
        )
    study = as_begun(folder, folder.study())
    dataset = as_measured(load_dataset(study), folder.manifest()["data"])
    work = Work(study, dataset, folder, observer)
    with locked(folder.path), kept_programs():
        check_same(work)
        members = [m for m in work.members if is_trained(work, m.name)]
        observer.stage("measuring", len(members))
        for done, member in enumerate(members, start=1):
            measure_member(work, member)
            observer.advance(done)
        if metrics != "basic":
            with work.timed("examine"):
                examine(work, every_seed=metrics == "full", again=again)
            if again:
                project(work)
            write_answers(folder)
            _say_what_is_left(work)


def _say_what_is_left(work: Work) -> None:
    if names := left_out(work):
        work.observer.say(
            f"the likelihood of {len(names)} models was left out, one seed having been done; "
            f"'latentsweep evaluate {work.folder.path} --metrics full' adds it"
        )


def report(folder: RunFolder, observer: Observer) -> None:
    """Draw the figures and write the report of a run."""
    observer.stage("report", 2)
    write_figures(folder)
    observer.advance(1)
    write_report(folder)
    observer.advance(2)


def begin(work: Work, command: str) -> None:
    """Write what a folder holds before the first step: a mark, study, examples shown, manifest.

    Raises:
        StudyError: the study asks for what its data does not allow.
    """
    work.check()
    work.folder.mark()
    atomic.write_text(work.folder.study_path, work.study.to_toml())
    write_shown(work)
    _write_ids(work)
    work.folder.write_no_latent(_no_latent(work))
    work.folder.write_manifest(manifest_of(work, command))


def _write_ids(work: Work) -> None:
    """Where the examples of each split stand in the source, and their own names, if any."""
    tables = [
        pd.DataFrame({"split": name, "example": range(len(i)), **work.dataset.origins(i)})
        for name in work.dataset.splits
        if len(i := work.split(name))
    ]
    kinds = {"example": np.int32, "row": np.int64}
    work.folder.write_ids(pd.concat(tables, ignore_index=True).astype(kinds))


def keep_members(work: Work) -> None:
    """Bring the manifest's list of members up to what a search has decided on."""
    begun = work.folder.study()
    settings = [settings_of(begun, member) for member in work.members]
    work.folder.write_manifest({**work.folder.manifest(), "members": settings})


def _no_latent(work: Work) -> dict[str, np.ndarray]:
    """What held-out examples lose without a latent and by the commonest class, and their groups.

    Each fold has a row of its own.
    """
    losses = {}
    for split in work.dataset.splits:
        if split != "train":
            losses |= _without_latent(work, split, work.split("train"), work.split(split))
            losses |= _groups(work, split)
    of_folds = [
        _without_latent(work, HELD_OUT, work.trained_on(seed), work.held_out(seed))
        for seed in range(work.study.validation_folds)
    ]
    named = of_folds[0] if of_folds else ()
    losses |= {name: np.stack([each[name] for each in of_folds]) for name in named}
    return losses | linear_curves(work)


def _without_latent(
    work: Work, name: str, train: np.ndarray, held_out: np.ndarray
) -> dict[str, np.ndarray]:
    """The same of some examples, named so, after training on others."""
    both = (work.scaled_at(train), work.scaled_at(held_out))
    losses, labels = {name: no_latent_losses(work.likelihood, *both)}, work.dataset.labels
    if labels is not None:
        commonest = np.bincount(labels[train]).argmax()
        losses[f"{name}/majority"] = (labels[held_out] != commonest).astype(np.float32)
    return losses


def _groups(work: Work, split: str) -> dict[str, np.ndarray]:
    """The groups of a split's examples, if they come in any."""
    groups = work.dataset.groups
    return {} if groups is None else {f"{split}/groups": groups[work.split(split)]}


def check_same(work: Work) -> None:
    """Refuse a folder that holds another study, or one of other data."""
    folder, there = work.folder, work.folder.manifest()["data"]["hash"]
    begun = as_begun(folder, folder.study())
    difference = begun.first_difference(as_begun(folder, work.study))
    if difference is None and there != work.dataset.hash:
        difference = f"data: SHA-256 {there[:12]}... there, {work.dataset.hash[:12]}... here"
    if difference:
        raise RunFolderError(
            f"{folder.path}: holds another study ({difference}); choose another folder with -o, "
            "or start anew with --force"
        )
    check_code(folder, work.study)


def _warn_of_versions(work: Work) -> None:
    """Say which versions differ from those that began the run: its last digits may."""
    begun, here = work.folder.manifest()["versions"], versions()
    changed = [
        f"{name} {begun.get(name)}, now {here[name]}"
        for name in here
        if begun.get(name) != here[name]
    ]
    if changed:
        work.observer.say(f"begun with {'; '.join(changed)}: numbers may differ in the last digits")


def _stages(work: Work) -> None:
    train(work, _measure)
    if not work.folder.projections_path.exists():
        with work.timed("project"):
            project(work)
    with work.timed("answer"):
        write_answers(work.folder)
    with work.timed("report"):
        report(work.folder, work.observer)
    work.folder.write_manifest({**work.folder.manifest(), "status": "complete"})


def _measure(work: Work, names: Iterable[str]) -> None:
    """Measure the named members on the test split, and on what they held out to be compared on."""
    measure_missing(work, names)
    hold_out(work, names)
