"""Tasks over a folder: whoever sees it can do one, twice or in another process, all the same."""

import pickle
import subprocess
import sys

import pytest

from latentsweep.data.catalogue import load_dataset
from latentsweep.evaluation.blocks import BASIC
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.workflow import measure, train
from latentsweep.workflow.begin import begin
from latentsweep.workflow.executors import Local, perform
from latentsweep.workflow.tasks import Task

WORKER = """
import sys
from pathlib import Path
from latentsweep.workflow.executors import perform
from latentsweep.workflow.tasks import Task
from latentsweep.record.folder import RunFolder
perform(Task(*sys.argv[2:]), RunFolder(Path(sys.argv[1])))
"""
MADE = "members/*/weights.safetensors", "members/*/history.parquet", "members/*/arrays.*"


def made(run: RunFolder) -> dict[str, bytes]:
    files = [file for pattern in MADE for file in run.path.glob(pattern)]
    return {str(file.relative_to(run.path)): file.read_bytes() for file in files}


@pytest.mark.dear
def test_a_task_is_done_by_anyone_who_sees_the_folder_and_twice_is_harmless(tiny, tmp_path):
    study = tiny.changed({"latent_sizes": [2], "seeds": [0], "epochs": 1})
    run, experiment = RunFolder(tmp_path / "run"), Experiment(study, load_dataset(study))
    begin(run, experiment, "test")
    tasks = train.missing(run, experiment)
    assert pickle.loads(pickle.dumps(tasks)) == tasks == [Task("train", "0")]
    line = [sys.executable, "-c", WORKER, str(run.path), *tasks[0]]
    subprocess.run(line, check=True, timeout=120)
    assert train.missing(run, experiment) == []
    blocks = measure.missing(run, experiment, BASIC)
    assert [task.name for task in blocks] == ["keras-blog-k02-s0/arrays", "elbo-k02-s0/arrays"]
    for task in blocks:
        perform(task, run)
    assert measure.missing(run, experiment, BASIC) == []
    before = made(run)
    assert len(before) == 2 * 4
    for task in (*tasks, *blocks):
        perform(task, run)
    assert made(run) == before
    assert run.manifest()["seconds"] == {}  # a task writes its own files alone
    here = Local(RunFolder(tmp_path / "here"), experiment)
    begin(here.run, experiment, "test")
    here.all(train.missing(here.run, experiment))
    here.all(measure.missing(here.run, experiment, BASIC))
    assert made(here.run) == before
    assert set(here.run.manifest()["seconds"]) == {"compile", "train", "evaluate"}
