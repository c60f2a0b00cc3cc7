"""The recommendation of a latent size from Python."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latentsweep.data.catalogue import load_dataset
from latentsweep.data.sources.in_memory import saved
from latentsweep.model.consent import consent, named
from latentsweep.record.contents import check_folder
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.workflow.begin import as_begun
from latentsweep.workflow.executors import Local
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.opened_run import Run
from latentsweep.workflow.run import settled, study_name
from latentsweep.workflow.sample import as_measured
from latentsweep.workflow.search import Ask, check_examples, search, search_study, suited


def recommend(
    data: Any,
    output: str | Path | None = None,
    *,
    labels: Any = None,
    budget: float = 600.0,
    network: str | type | None = None,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
    observer: Observer | None = None,
) -> Run:
    """Search for the latent size that data needs; the same call goes on where it was interrupted.

    `run.recommendation` of what is returned is the answer.

    Args:
        data: an array [N, ...] or a data frame, which is kept in the run folder, or what names data
            in a study: a known data set, or the path of a table, an array or a folder of images.
        output: the run folder; `runs/recommend-<data>` if not given.
        labels: the class of each example of an array or data frame, or the name of a column.
        budget: seconds at most, for training and for measuring on the way.
        network: a kind of network, or a class of your own (docs/networks.md).
        settings: other fields of the study to change, such as `{"scale": "minmax"}`.
        force: start anew, removing the run that is in the folder.
        observer: hears of the progress.

    Raises:
        LatentsweepError: data or a folder that can't be used, or too few examples.
    """
    changes = dict(settings or {}) | ({} if network is None else {"network": named(network)})
    source = str(data) if isinstance(data, str | Path) else "data"
    name = f"recommend-{study_name(source)}"
    folder = RunFolder(Path(output or Path("runs") / name))
    check_folder(folder.path)
    if not isinstance(data, str | Path):
        changes |= saved(data, labels, folder.path / "data", "data")
    elif labels is not None:
        changes["label"] = labels
    source = changes.get("data", source)
    here = prepared(folder, source, changes, observer, budget=budget, anew=force)
    search(here, Ask(budget=budget), command="python", given=changes, force=force)
    return Run(folder)


def prepared(
    folder: RunFolder,
    source: str,
    changes: Mapping[str, Any],
    observer: Observer | None,
    *,
    budget: float,
    anew: bool,
) -> Local:
    """A search that is ready to begin.

    Raises:
        LatentsweepError: data that can't be used, or too few examples.
    """
    name = f"recommend-{study_name(source)}"
    study = settled(search_study(name, source, dict(changes)), {})
    consent(study.network, trust="network" in changes)
    begun = not anew and folder.is_begun
    if begun:
        study = as_begun(folder, study)
        if "train_examples" not in changes:
            study = study.changed({"train_examples": folder.study().train_examples})
    whole = load_dataset(study.changed({"validation_fraction": 0}))
    if begun:
        whole = as_measured(whole, folder.manifest()["data"])
        budget = math.inf
    experiment = Experiment(*suited(study, whole, changes, budget))
    check_examples(experiment)
    return Local(folder, experiment, observer)
