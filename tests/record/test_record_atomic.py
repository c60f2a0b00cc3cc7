import errno
import json
import os
import shutil

import pytest
from safetensors import SafetensorError

from latentsweep.record import atomic


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_new_file_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "a.txt"
    atomic.write_text(path, "old")
    atomic.write_text(path, "neu: ü")
    assert files(tmp_path) == {"a.txt": "neu: ü".encode()}


def test_folders_are_made_on_the_way(tmp_path):
    atomic.write_bytes(tmp_path / "b" / "c" / "a", b"1")
    assert (tmp_path / "b" / "c" / "a").read_bytes() == b"1"


def test_what_fails_while_it_is_written_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fill(temporary):
        temporary.write_bytes(b"half of the n")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic.write(path, fill)
    assert files(tmp_path) == {"a.bin": b"old"}


def test_nobody_knows_the_temporary_name_beforehand(tmp_path):
    """Were it known, a link of that name would lead the content elsewhere."""
    names = []
    for _ in range(2):
        atomic.write(tmp_path / "a.html", lambda temporary: names.append(temporary.name))
    assert len({"a.html", ".a.partial.html", *names}) == 4


def test_a_temporary_name_that_is_taken_is_not_opened(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr("secrets.token_hex", lambda _: "0")
    (tmp_path / ".a.0.partial.html").symlink_to(victim)
    with pytest.raises(FileExistsError):
        atomic.write_text(tmp_path / "a.html", "x")
    assert victim.read_text() == "precious"


def test_a_link_of_the_same_name_is_replaced(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "a").symlink_to(victim)
    atomic.write_text(tmp_path / "a", "new")
    assert files(tmp_path) == {"victim": b"precious", "a": b"new"}
    assert not (tmp_path / "a").is_symlink()


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    left = []

    def killed(temporary):
        temporary.write_bytes(b"half")
        shutil.copy(temporary, kept := tmp_path / temporary.name.replace("a.", "b."))
        left.append(kept)

    atomic.write(tmp_path / "a.html", killed)
    mine = {"a.html", "partial.txt", ".notes", ".partially.txt", "b.partial.html"}
    for name in mine:
        (tmp_path / name).touch()
    atomic.sweep(tmp_path, older=3600)
    assert left[0].exists()
    atomic.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == mine


def test_while_it_is_written_the_old_file_stands(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    seen = []

    def fill(temporary):
        temporary.write_bytes(b"new")
        seen.append((temporary.parent, temporary.suffix, path.read_bytes()))

    atomic.write(path, fill)
    assert seen == [(tmp_path, ".bin", b"old")]
    assert path.read_bytes() == b"new"


def test_the_content_reaches_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, type(tmp_path).replace
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("fsync"), fsync(handle)))
    monkeypatch.setattr(
        type(tmp_path), "replace", lambda self, to: (events.append("rename"), replace(self, to))[1]
    )
    atomic.write_bytes(tmp_path / "a", b"1")
    assert events == ["fsync", "rename", "fsync"]  # the file, then the folder that names it


def test_json_comes_back(tmp_path):
    value = {"a": [1, 2.5, None, "ü"], "b": {"c": True}}
    atomic.write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text()) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_refuses_what_it_has_no_word_for(tmp_path, number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic.write_json(tmp_path / "a.json", {"a": number})
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    "told",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_told_with_the_file(tmp_path, told):
    """Whether Python or a library tells of it; the file that was there stays."""
    path = tmp_path / "file.json"
    atomic.write_text(path, "before")

    def fill(_):
        raise told

    with pytest.raises(OSError, match="No space left on device") as caught:
        atomic.write(path, fill)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["file.json"]
