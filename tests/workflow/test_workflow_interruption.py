"""A run that is killed at any moment goes on, and ends with the numbers of one that was not."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from latentsweep import run
from latentsweep.errors import StudyError
from latentsweep.evaluation.alarms import Alarm
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.workflow import outcome

EPOCHS = 6
NUMBERS = ("members/*/*.safetensors", "members/*/history.parquet", "projections.parquet")
CHANGES = {"epochs": EPOCHS, "projected_examples": 359}
# The command line, in a process that gets a signal once a function has been called so many times.
STOPPING = """
import importlib, os, sys
place, calls, sent, *line = sys.argv[1:]
module, name = place.rsplit(".", 1)
module = importlib.import_module(module)
function, called = getattr(module, name), iter(range(1, 1000))
def stopping(*given, **named):
    made = function(*given, **named)
    if next(called) == int(calls):
        os.kill(os.getpid(), int(sent))
    return made
setattr(module, name, stopping)
from functools import partial
from latentsweep.evaluation import projection
projection.TSNE = partial(projection.TSNE, early_exaggeration_iter=20, n_iter=20)
from latentsweep.training import checkpoint
checkpoint._TIMES_AS_LONG = 0  # a checkpoint after each epoch, however short it is
from latentsweep.commands.main import main
sys.exit(main(line))
"""
CHECKPOINT = "latentsweep.training.checkpoint.write_checkpoint"
MEASURED = "latentsweep.workflow.run.tell_results"
PROJECTED = "latentsweep.evaluation.projection.aligned"


def numbers(folder: Path) -> dict[str, bytes]:
    found = [file for pattern in NUMBERS for file in folder.glob(pattern)]
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


@pytest.fixture(scope="module")
def whole(tiny_toml, tmp_path_factory) -> Path:
    """The folder of the run that nothing interrupted, without its pictures."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcome, "write_figures", lambda _: None)
        patch.setattr(outcome, "write_report", lambda folder: folder.report_path.touch())
        run(tiny_toml, folder, settings=CHANGES)
    return folder


class Ended(NamedTuple):
    code: int
    output: str
    errors: str


@pytest.fixture
def stopped(tiny_toml, tmp_path) -> Callable[..., Ended]:
    """Runs the command line of that run until a function was called so many times."""
    settings = [f"--set={field}={value}" for field, value in CHANGES.items()]

    def run_until(place: str, calls: int, sent: signal.Signals = signal.SIGKILL) -> Ended:
        line = ["run", tiny_toml, *settings, "-o", tmp_path / "run"]
        code = [sys.executable, "-c", STOPPING, place, str(calls), str(int(sent)), *line]
        ended = subprocess.run(code, capture_output=True, text=True, check=False, timeout=120)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run_until


def checkpoints(folder: Path) -> list[Path]:
    return list(folder.glob("passes/*/[ab].safetensors"))


def assert_half_trained(folder: Path) -> None:
    assert checkpoints(folder)
    assert not list(folder.glob("members/*/weights.safetensors"))


@pytest.mark.dear
def test_killed_while_it_trains_it_ends_with_the_same_bytes(
    whole, stopped, tmp_path, tiny, notes, without_report
):
    folder = tmp_path / "run"
    assert stopped(CHECKPOINT, 2).code == -signal.SIGKILL
    assert_half_trained(folder)
    # The process had one device a core, this one has eight: the plan stays, and so do the numbers.
    plans = {plan: plan.read_bytes() for plan in folder.glob("passes/*/plan.json")}
    run(tiny, folder, settings=CHANGES, observer=notes)
    assert {plan: plan.read_bytes() for plan in plans} == plans
    assert numbers(folder) == numbers(whole)
    assert re.match(rf"pass 0 \(.*\) goes on after epoch 2 of {EPOCHS}$", notes.said[0])
    assert checkpoints(folder) == []


@pytest.mark.dear
def test_interrupted_by_hand_it_says_so_and_goes_on(
    whole, stopped, tmp_path, tiny, notes, without_report
):
    folder = tmp_path / "run"
    ended = stopped(CHECKPOINT, 3, signal.SIGINT)
    assert ended.code == 130
    assert ended.errors.strip() == (
        "Stopped. Everything up to the last finished epoch is saved: the same command goes on from "
        "there."
    )
    assert "Traceback" not in ended.output
    assert_half_trained(folder)
    run(tiny, folder, settings=CHANGES, observer=notes)
    assert numbers(folder) == numbers(whole)


@pytest.mark.parametrize(
    ("place", "measured"),
    [("record.folder.RunFolder.write_block", 4), ("evaluation.projection.aligned", 0)],
)
def test_stopped_in_a_later_stage_it_trains_nothing_again(
    whole, tiny, tmp_path, notes, without_report, place, measured
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"latentsweep.{place}", _stop)
        with pytest.raises(KeyboardInterrupt):
            run(tiny, tmp_path, settings=CHANGES)
    weights = {w: w.stat().st_mtime_ns for w in tmp_path.glob("members/*/weights.safetensors")}
    assert len(weights) == 4
    run(tiny, tmp_path, settings=CHANGES, observer=notes)
    assert {w: w.stat().st_mtime_ns for w in weights} == weights
    assert len(notes.measured) == measured
    assert numbers(tmp_path) == numbers(whole)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_was_written_before_the_first_step_is_written_again(tiny_run, tiny, tmp_path, notes):
    folder = tmp_path / "run"
    RunFolder(folder).mark()
    shutil.copy(tiny_run / "study.toml", folder)
    (folder / ".results.0f.partial.parquet").write_bytes(b"half of a table")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latentsweep.workflow.run._stages", lambda _: None)
        run(tiny, folder, observer=notes)
    assert RunFolder.opened(folder).manifest()["status"] == "running"
    assert not list(folder.glob(".*partial*"))


def test_a_run_that_dies_before_its_answers_has_all_alarms_when_it_goes_on(
    whole, tiny, tmp_path, monkeypatch, without_report
):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    for name in ("alarms.json", "report.html"):
        (folder / name).unlink()
    run_folder = RunFolder(folder)
    run_folder.write_manifest({**run_folder.manifest(), "status": "running"})
    raised = Alarm("kl-weight", "kl-weight", {"weight": 4.0})
    monkeypatch.setattr(outcome, "alarms", lambda _: [raised])
    run(tiny, folder, settings=CHANGES)
    members = list(run_folder.results()["member"])
    assert [alarm["member"] for alarm in run_folder.alarms()] == members


def test_checkpoints_of_a_pass_that_is_done_go_with_the_next_start(
    whole, tiny, tmp_path, without_report
):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    run_folder = RunFolder(folder)
    run_folder.write_manifest({**run_folder.manifest(), "status": "running"})
    left = [folder / "passes/p00" / name for name in ("a.safetensors", "start1/b.safetensors")]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a checkpoint")
    run(tiny, folder, settings=CHANGES)
    assert [file.name for file in (folder / "passes/p00").iterdir()] == ["plan.json"]


def test_a_study_that_is_refused_leaves_the_run_that_is_there(whole, tiny, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    before = numbers(folder)

    def refuse(_):
        raise StudyError("init: not of such data")

    monkeypatch.setattr(Experiment, "check", refuse)
    with pytest.raises(StudyError, match="init: not of such data"):
        run(tiny, folder, settings=CHANGES, force=True)
    assert numbers(folder) == before
    assert RunFolder(folder).manifest()["status"] == "complete"


def test_data_from_python_that_was_killed_while_it_was_saved_is_saved_again(tmp_path, monkeypatch):
    values = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    save = np.save

    def half(path, array):
        save(path, array)
        Path(path).write_bytes(Path(path).read_bytes()[:200])
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", half)
    with pytest.raises(KeyboardInterrupt):
        run(data=values, output=tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr("latentsweep.workflow.run._stages", lambda _: None)
    run(data=values, output=tmp_path)
    (kept,) = tmp_path.glob("data/*/*")
    np.testing.assert_array_equal(np.load(kept), values)


@pytest.mark.slow
def test_killed_again_and_again_the_same_command_ends_with_the_same_bytes(whole, stopped, tmp_path):
    """After a checkpoint, while it measures, and while it draws its panels."""
    folder = tmp_path / "run"
    moments = ((CHECKPOINT, 1), (MEASURED, 3), (PROJECTED, 1))
    first, second, third = (stopped(*moment) for moment in moments)
    assert {ended.code for ended in (first, second, third)} == {-signal.SIGKILL}
    assert "goes on after epoch 1" in second.output
    assert "goes on" not in third.output  # all is trained
    assert not (folder / "projections.parquet").exists()
    last = stopped(PROJECTED, 999)
    assert last.code == 0, last.errors
    assert "goes on" not in last.output
    assert f"Open {folder / 'report.html'}" in last.output
    assert numbers(folder) == numbers(whole)
    manifest = RunFolder(folder).manifest()
    assert manifest["status"] == "complete"
    assert manifest["command"].endswith(f"-o {folder}")
