import json

import pytest

from latentsweep.errors import RunFolderError
from latentsweep.record.folder import RunFolder
from latentsweep.record.lock import locked


@pytest.fixture
def own(tmp_path):
    """A folder with a user's own files, and no run."""
    for name in ("study.toml", "report.html", "figures/mine.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    return tmp_path


def test_a_folder_with_files_and_no_run_is_refused_and_left_as_it_is(own):
    with pytest.raises(RunFolderError) as caught, locked(own):
        pass
    assert str(caught.value) == (
        f"{own}: a new or empty folder, or one with a run, is needed, got one with figures and 2 "
        "more but no run; choose another folder with -o"
    )
    assert sorted(path.name for path in own.iterdir()) == ["figures", "report.html", "study.toml"]


def test_the_manifest_of_something_else_makes_no_run(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "a web page"}))
    with pytest.raises(RunFolderError, match="but no run"), locked(tmp_path):
        pass


def test_a_damaged_manifest_beside_a_study_may_begin_anew(own):
    (own / "manifest.json").write_text("{")
    with locked(own):
        pass


@pytest.mark.parametrize("name", ["data/0123456789ab/data.npy", ".lock", ".a.12.partial.json"])
def test_what_is_there_before_the_first_step_is_not_in_the_way(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    with locked(tmp_path):
        pass


def test_data_of_another_name_is_the_users(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").touch()
    with pytest.raises(RunFolderError, match="but no run"), locked(tmp_path):
        pass


@pytest.mark.parametrize("name", ["figures", "members/elbo-k02-s0", "linear/members", "data"])
def test_a_folder_that_is_a_link_is_refused_before_anything_is_written(tmp_path, name):
    run, away = tmp_path / "run", tmp_path / "away"
    away.mkdir()
    (run / name).parent.mkdir(parents=True)
    RunFolder(run).mark()
    (run / name).symlink_to(away)
    for opening in (lambda: RunFolder.opened(run), lambda: locked(run).__enter__()):
        with pytest.raises(RunFolderError) as caught:
            opening()
        assert str(caught.value) == (
            f"{run / name}: a folder is needed, got a link to {away}; move that folder here in its "
            "place"
        )


def test_what_a_killed_process_left_is_removed_once_the_folder_is_locked(tmp_path):
    left = [".results.0f.partial.parquet", "members/a/.arrays.0f.partial.safetensors"]
    RunFolder(tmp_path).mark()
    for name in (*left, "members/a/notes.txt", ".mine"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with locked(tmp_path):
        there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {"manifest.json", ".lock", "members/a/notes.txt", ".mine"}
