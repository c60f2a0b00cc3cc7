import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentsweep.errors import RunFolderError
from latentsweep.record import contents
from latentsweep.record.folder import FORMAT, Examples, RunFolder
from latentsweep.show.figures import FIGURES


def text_of(raised) -> str:
    return str(raised.value)


def test_an_empty_folder_holds_no_run(tmp_path):
    with pytest.raises(RunFolderError) as caught:
        RunFolder.opened(tmp_path)
    assert text_of(caught) == (
        f"{tmp_path}: holds no run (no manifest.json); make one: latentsweep run -o {tmp_path}"
    )


def test_a_manifest_makes_it_a_run_and_carries_the_format(tmp_path):
    RunFolder(tmp_path).write_manifest({"status": "running"})
    assert RunFolder.opened(str(tmp_path)).manifest() == {"format": FORMAT, "status": "running"}


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"format": 99}))
    with pytest.raises(RunFolderError) as caught:
        RunFolder(tmp_path).manifest()
    assert text_of(caught) == (
        f"{path}: format {FORMAT} is needed, got 99; use the version of latentsweep that made it, "
        "or run the study again"
    )


@pytest.mark.parametrize("content", ["", "{", "\udcff"])
def test_a_damaged_manifest_is_refused(tmp_path, content):
    path = tmp_path / "manifest.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunFolderError) as caught:
        RunFolder(tmp_path).manifest()
    message = (
        re.escape(f"{path}: is not as latentsweep wrote it (") + r".+\); start again with --force"
    )
    assert re.fullmatch(message, text_of(caught))


def test_a_missing_study_is_refused(tmp_path):
    with pytest.raises(RunFolderError) as caught:
        RunFolder(tmp_path).study()
    assert text_of(caught) == (
        f"{tmp_path / 'study.toml'}: is not there; the run is unfinished: the command that began "
        "it goes on"
    )


@pytest.mark.parametrize("labels", [None, np.array([3, 1, 2], np.int32)])
def test_examples_come_back_with_and_without_labels(tmp_path, labels):
    given = Examples(np.arange(8, dtype=np.uint8).reshape(2, 4), np.array([2, 0], np.int32), labels)
    RunFolder(tmp_path).write_examples(given)
    back = RunFolder(tmp_path).examples()
    for name in ("values", "indices", "labels"):
        np.testing.assert_array_equal(getattr(back, name), getattr(given, name))


def test_tables_come_back(tmp_path):
    run, place = RunFolder(tmp_path), {"member": ["elbo-k02-s0"], "example": [3], "method": ["x"]}
    table = pd.DataFrame({**place, "x": [1.5], "y": [0.0]})
    run.write_projections(table)
    pd.testing.assert_frame_equal(run.projections(), table)


def test_places():
    run = RunFolder(Path("RUN"))
    assert str(run.pass_path(3)) == "RUN/passes/p03"
    assert str(run.member_path("elbo-k02-s0")) == "RUN/members/elbo-k02-s0"


MINE = (
    "notes.txt",
    "data/my.npy",
    "figures/mine.png",
    "figures/pt/mine.png",
    "export/mine.csv",
    "members/list.txt",
    "members/elbo-k02-s0/notes.md",
    "passes/secret.txt",
)


def test_clear_removes_the_run_and_nothing_of_a_strangers(tmp_path, tiny_run):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    for name in MINE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    RunFolder(folder).clear()
    left = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    assert left == {*MINE, ".lock", "manifest.json"}
    with pytest.raises(RunFolderError, match="stopped before its first step"):
        RunFolder.opened(folder)


def test_what_is_removed_are_the_figures_that_there_are():
    assert {figure.name for figure in FIGURES} == set(contents.FIGURES)


def test_clearing_that_is_stopped_leaves_no_complete_run(tmp_path, tiny_run, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    assert RunFolder(folder).manifest()["status"] == "complete"

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(contents, "remove", stop)
    with pytest.raises(KeyboardInterrupt):
        RunFolder(folder).clear()
    assert not RunFolder(folder).is_begun


def test_clearing_nothing_is_harmless(tmp_path):
    RunFolder(tmp_path).clear()
    assert list(tmp_path.iterdir()) == []
