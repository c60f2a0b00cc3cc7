import signal
import subprocess
import sys

import pytest

from latentsweep.errors import RunFolderError
from latentsweep.record.lock import locked

HOLD = """
import sys, time
from pathlib import Path
from latentsweep.record.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path, holder):
    with pytest.raises(RunFolderError) as caught, locked(tmp_path):
        pass
    assert str(caught.value) == (
        f"{tmp_path}: another process is working on it; wait for it, or choose another folder "
        "with -o"
    )
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(tmp_path):
        pass


def test_the_lock_ends_with_its_block_even_if_that_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    with locked(tmp_path):
        pass


def test_the_folder_is_made(tmp_path):
    with locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError) as caught, locked(tmp_path / "file" / "run"):
        pass
    assert str(caught.value) == (
        f"{tmp_path / 'file' / 'run'}: cannot be made (Not a directory); choose another folder "
        "with -o"
    )


def test_a_name_that_is_no_utf8_is_refused(tmp_path, monkeypatch):
    def strict(*_, **__):
        "\udcff".encode()

    monkeypatch.setattr("pathlib.Path.mkdir", strict)  # as where file names are UTF-8 alone
    with pytest.raises(RunFolderError, match="its name is no UTF-8"):
        locked(tmp_path / "x").__enter__()


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "other").write_text("content")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "other")
    with pytest.raises(RunFolderError, match="is a link, which no run has"):
        locked(tmp_path / "run").__enter__()
    assert (tmp_path / "other").read_text() == "content"


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path):
    (tmp_path / ".lock").mkdir()
    with pytest.raises(RunFolderError) as caught:
        locked(tmp_path).__enter__()
    assert str(caught.value) == (
        f"{tmp_path}: Is a directory; move away what stands in its place, and the same command "
        "goes on: nothing is lost"
    )
