"""A run's folder and its experiment: begun, loaded again, and held against each other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from latentsweep.data.catalogue import load_dataset
from latentsweep.data.splits import HELD_OUT
from latentsweep.errors import RunFolderError
from latentsweep.evaluation.evaluate import no_latent_losses
from latentsweep.record import atomic
from latentsweep.record.folder import Examples, RunFolder
from latentsweep.study import Study
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import check_code, members_in
from latentsweep.workflow.linear import linear_curves
from latentsweep.workflow.manifest import manifest_of
from latentsweep.workflow.sample import as_measured


def loaded(run: RunFolder) -> Experiment:
    """The experiment of a run that has begun, from its folder.

    Raises:
        DataError: its data is not there.
        RunFolderError: it is another.
    """
    study = as_begun(run, run.study())
    experiment = Experiment(study, as_measured(load_dataset(study), run.manifest()["data"]))
    check_same(run, experiment)
    return experiment


def as_begun(run: RunFolder, study: Study) -> Study:
    """The study, its likelihood that of the run of this data in the folder where it says auto."""
    if study.likelihood != "auto" or not run.is_begun:
        return study
    if run.study().data != study.data:
        return study
    return study.changed({"likelihood": run.manifest()["data"]["likelihood"]})


def check_same(run: RunFolder, experiment: Experiment) -> None:
    """Refuse a folder that holds another study, or one of other data."""
    there = run.manifest()["data"]["hash"]
    begun = as_begun(run, run.study())
    difference = begun.first_difference(as_begun(run, experiment.study))
    if difference is None and there != experiment.dataset.hash:
        here = experiment.dataset.hash
        difference = f"data: SHA-256 {there[:12]}... there, {here[:12]}... here"
    if difference:
        raise RunFolderError(
            f"{run.path}: holds another study ({difference}); choose another folder with -o, "
            "or start anew with --force"
        )
    check_code(run, experiment.study)


def begin(run: RunFolder, experiment: Experiment, command: str) -> None:
    """Write what a folder holds before the first step: a mark, study, examples shown, manifest.

    Raises:
        StudyError: the study asks for what its data does not allow.
    """
    experiment.check()
    run.mark()
    atomic.write_text(run.study_path, experiment.study.to_toml())
    shown = experiment.dataset.scale(experiment.shown_values(), np.float32)
    examples = Examples(experiment.as_shown(shown), experiment.shown, experiment.test_labels())
    run.write_examples(examples)
    run.write_ids(_ids(experiment))
    run.write_no_latent(_no_latent(experiment))
    run.write_manifest(manifest_of(experiment, members_in(run, experiment.study), command))


def _ids(experiment: Experiment) -> pd.DataFrame:
    """Where the examples of each split stand in the source, and their own names, if any."""
    data = experiment.dataset
    tables = [
        pd.DataFrame({"split": name, "example": range(len(i)), **data.origins(i)})
        for name in data.splits
        if len(i := experiment.split(name))
    ]
    kinds = {"example": np.int32, "row": np.int64}
    return pd.concat(tables, ignore_index=True).astype(kinds)


def _no_latent(experiment: Experiment) -> Mapping[str, np.ndarray]:
    """What held-out examples lose without a latent and by the commonest class, and their groups.

    Each fold has a row of its own.
    """
    losses: dict[str, Any] = {}
    groups = experiment.dataset.groups
    for name in experiment.dataset.splits:
        if name != "train":
            own = experiment.split(name)
            losses |= _without_latent(experiment, name, experiment.split("train"), own)
            losses |= {} if groups is None else {f"{name}/groups": groups[own]}
    of_folds = [
        _without_latent(
            experiment, HELD_OUT, experiment.trained_on(seed), experiment.held_out(seed)
        )
        for seed in range(experiment.study.validation_folds)
    ]
    named = of_folds[0] if of_folds else ()
    losses |= {name: np.stack([each[name] for each in of_folds]) for name in named}
    return losses | linear_curves(experiment)


def _without_latent(
    experiment: Experiment, name: str, train: np.ndarray, held_out: np.ndarray
) -> dict[str, np.ndarray]:
    """The same of some examples, named so, after training on others."""
    both = (experiment.scaled(train), experiment.scaled(held_out))
    losses = {name: no_latent_losses(experiment.likelihood, *both)}
    if (labels := experiment.dataset.labels) is not None:
        commonest = np.bincount(labels[train]).argmax()
        losses[f"{name}/majority"] = (labels[held_out] != commonest).astype(np.float32)
    return losses
