import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentsweep.errors import RunFolderError
from latentsweep.language import speaking
from latentsweep.record.folder import FORMAT, Examples, RunFolder


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
    message = re.escape(f"{path}: cannot be read (") + r".+\); run the study again with --force"
    assert re.fullmatch(message, text_of(caught))


def test_a_missing_study_is_refused(tmp_path):
    with pytest.raises(RunFolderError) as caught:
        RunFolder(tmp_path).study()
    assert text_of(caught) == (
        f"{tmp_path / 'study.toml'}: missing; run the study again with --force"
    )


@pytest.mark.parametrize("labels", [None, np.array([3, 1, 2], np.int32)])
def test_examples_come_back_with_and_without_labels(tmp_path, labels):
    given = Examples(np.arange(8, dtype=np.uint8).reshape(2, 4), np.array([2, 0], np.int32), labels)
    RunFolder(tmp_path).write_examples(given)
    back = RunFolder(tmp_path).examples()
    for name in ("values", "indices", "labels"):
        np.testing.assert_array_equal(getattr(back, name), getattr(given, name))


def test_tables_come_back(tmp_path):
    run, table = RunFolder(tmp_path), pd.DataFrame({"member": ["a"], "x": [1.5]})
    run.write_results(table)
    run.write_projections(table)
    pd.testing.assert_frame_equal(run.results(), table)
    pd.testing.assert_frame_equal(run.projections(), table)


def test_places():
    run = RunFolder(Path("RUN"))
    assert str(run.pass_path(3)) == "RUN/passes/p03"
    assert str(run.member_path("elbo-k02-s0")) == "RUN/members/elbo-k02-s0"


def test_clear_removes_the_run_and_nothing_of_a_strangers(tmp_path, tiny_run):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    (folder / "notes.txt").write_text("mine")
    (folder / "data").mkdir()
    (folder / "data" / "my.npy").write_text("mine")
    RunFolder(folder).clear()
    left = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    assert left == {"notes.txt", "data/my.npy", ".lock"}


def test_clearing_nothing_is_harmless(tmp_path):
    RunFolder(tmp_path).clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "content"), [("answers", {"a": "b"}), ("alarms", [{"a": "b"}])])
def test_each_language_has_its_file_and_english_stands_in_for_one_that_has_none(
    tmp_path, name, content
):
    run = RunFolder(tmp_path)
    read, write = getattr(run, name), getattr(run, f"write_{name}")
    write(content)
    with speaking("pt"):
        assert read() == content
        write(type(content)())
        assert read() == type(content)()
    assert read() == content
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.json", f"{name}.pt.json"}
    run.clear()
    assert not [*tmp_path.iterdir()]
