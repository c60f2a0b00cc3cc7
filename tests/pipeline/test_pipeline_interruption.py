"""A run that is killed at any moment goes on, and ends with the numbers of one that was not."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from latentsweep import Run, run
from latentsweep.record.folder import RunFolder

EPOCHS = 150
NUMBERS = ("members/*/*.safetensors", "members/*/history.parquet", "projections.parquet")
CHANGES = {"epochs": EPOCHS, "projected_examples": 359}


def numbers(folder: Path) -> dict[str, bytes]:
    found = [file for pattern in NUMBERS for file in folder.glob(pattern)]
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


@pytest.fixture(scope="module")
def whole(tiny_toml, tmp_path_factory) -> Path:
    """The folder of the run that nothing interrupted, without its pictures."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latentsweep.pipeline.run.report", lambda folder, _: folder)
        run(tiny_toml, folder, settings=CHANGES)
    return folder


@pytest.fixture
def command(tiny_toml) -> Callable[[Path], subprocess.Popen]:
    """Starts the command line of that run in a process of its own."""
    settings = [f"--set={field}={value}" for field, value in CHANGES.items()]

    def start(folder: Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "latentsweep", "run", tiny_toml, *settings, "-o", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def stopped(
    process: subprocess.Popen, when: Callable[[], object], how: signal.Signals = signal.SIGKILL
) -> tuple[str, str]:
    """The output of a process that was sent a signal as soon as `when` held."""
    end = time.monotonic() + 60
    while not when() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.001)
    process.send_signal(how)
    return process.communicate()


def checkpoints(folder: Path) -> list[Path]:
    return list(folder.glob("passes/*/[ab].safetensors"))


def assert_half_trained(folder: Path) -> None:
    assert checkpoints(folder)
    assert not list(folder.glob("members/*/weights.safetensors"))


def test_killed_while_it_trains_it_ends_with_the_same_bytes(
    whole, command, tmp_path, tiny, notes, without_report
):
    process = command(tmp_path)
    stopped(process, lambda: checkpoints(tmp_path))
    assert process.returncode == -signal.SIGKILL
    assert_half_trained(tmp_path)
    # The process had one device a core, this one has eight: the plan stays, and so do the numbers.
    plans = {plan: plan.read_bytes() for plan in tmp_path.glob("passes/*/plan.json")}
    run(tiny, tmp_path, settings=CHANGES, observer=notes)
    assert {plan: plan.read_bytes() for plan in plans} == plans
    assert numbers(tmp_path) == numbers(whole)
    first = notes.said[0].split()
    assert first[:2] == ["pass", "0"]
    assert "goes on after epoch" in notes.said[0]
    assert 0 < int(first[-3]) < EPOCHS
    assert first[-1] == str(EPOCHS)
    assert checkpoints(tmp_path) == []


def test_interrupted_by_hand_it_says_so_and_goes_on(
    whole, command, tmp_path, tiny, notes, without_report
):
    process = command(tmp_path)
    output, errors = stopped(process, lambda: checkpoints(tmp_path), signal.SIGINT)
    assert process.returncode == 130
    assert errors.strip() == (
        "Stopped. Everything up to the last finished epoch is saved: the same command goes on from "
        "there."
    )
    assert "Traceback" not in output
    assert_half_trained(tmp_path)
    run(tiny, tmp_path, settings=CHANGES, observer=notes)
    assert numbers(tmp_path) == numbers(whole)


@pytest.mark.parametrize(
    ("place", "measured"),
    [("pipeline.measure.with_row", 4), ("evaluation.projection.aligned", 0)],
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


def test_what_was_written_before_the_manifest_is_written_again(tiny_run, tiny, tmp_path, notes):
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(tiny_run / "study.toml", folder)
    (folder / ".results-x.parquet").write_bytes(b"half of a table")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latentsweep.pipeline.run._stages", lambda _: None)
        run(tiny, folder, observer=notes)
    assert RunFolder.opened(folder).manifest()["status"] == "running"


@pytest.mark.slow
def test_killed_again_and_again_the_same_command_ends_with_the_same_bytes(whole, command, tmp_path):
    """After its first checkpoint, while it measures, and while it draws its panels."""
    moments = (
        lambda: checkpoints(tmp_path),
        lambda: list(tmp_path.glob("members/*/arrays.safetensors")),
        lambda: (
            RunFolder(tmp_path).results_path.exists() and len(Run.opened(tmp_path).results) == 4
        ),
    )
    outputs = [stopped(command(tmp_path), moment)[0] for moment in moments]
    assert not (tmp_path / "projections.parquet").exists()
    assert "goes on after epoch" in outputs[1]
    process = command(tmp_path)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "goes on" not in output  # all is trained
    assert f"Open {tmp_path / 'report.html'}" in output
    assert numbers(tmp_path) == numbers(whole)
    manifest = RunFolder(tmp_path).manifest()
    assert manifest["status"] == "complete"
    assert manifest["command"].startswith("latentsweep run ")
