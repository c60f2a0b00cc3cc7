"""Programs kept between processes: found again, and done without where they can't be kept."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from latentsweep.training import program_cache
from latentsweep.training.program_cache import default_folder, kept_programs

# Compiles one program within the context, and says how many were compiled and how many found.
COUNTING = """
import collections, sys, warnings
warnings.simplefilter("error")
from pathlib import Path
import jax
from latentsweep.training.program_cache import kept_programs
heard = collections.Counter()
jax.monitoring.register_event_listener(lambda name, **_: heard.update([name]))
with kept_programs(Path(sys.argv[1])):
    jax.jit(lambda x: x * 3 + 1).lower(1.0).compile()
print(heard["/jax/compilation_cache/cache_misses"], heard["/jax/compilation_cache/cache_hits"])
"""
OWN = ("JAX_COMPILATION_CACHE_DIR", "JAX_COMPILATION_CACHE_MAX_SIZE")


def compiled_and_found(folder: Path) -> tuple[int, int]:
    """What a new process says."""
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    said = subprocess.run(
        [sys.executable, "-c", COUNTING, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stderr == ""
    compiled, found = said.stdout.split()
    return int(compiled), int(found)


def test_a_second_process_compiles_nothing(tmp_path):
    assert compiled_and_found(tmp_path) == (1, 0)
    assert compiled_and_found(tmp_path) == (0, 1)


def test_a_damaged_program_is_compiled_again_in_silence(tmp_path):
    compiled_and_found(tmp_path)
    for entry in tmp_path.glob("*-cache"):
        entry.write_bytes(b"not a program")
    assert compiled_and_found(tmp_path)[1] == 0


def test_a_program_in_anothers_place_is_compiled_again(tmp_path):
    compiled_and_found(tmp_path)
    (entry,) = tmp_path.glob("*-cache")
    entry.write_bytes(entry.read_bytes()[:-1] + b"\0\0")
    assert compiled_and_found(tmp_path) == (1, 0)
    assert compiled_and_found(tmp_path) == (0, 1)
    (tmp_path / "programs.json").write_text("[")
    assert compiled_and_found(tmp_path) == (0, 1)


@pytest.fixture
def without_cache(monkeypatch):
    """JAX as a user has it: no cache."""
    before = jax.config.jax_compilation_cache_dir
    program_cache._set({"jax_compilation_cache_dir": None})
    yield
    program_cache._set({"jax_compilation_cache_dir": before})


@pytest.mark.usefixtures("without_cache")
def test_without_a_folder_to_write_to_there_is_no_cache(tmp_path):
    (tmp_path / "file").touch()
    with kept_programs(tmp_path / "file" / "programs"):
        assert jax.config.jax_compilation_cache_dir is None


@pytest.mark.usefixtures("without_cache")
def test_a_folder_that_may_not_be_written_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with kept_programs(tmp_path):
        assert jax.config.jax_compilation_cache_dir is None


@pytest.mark.usefixtures("without_cache")
def test_the_settings_of_jax_come_back(tmp_path):
    with kept_programs(tmp_path):
        assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    assert jax.config.jax_compilation_cache_dir is None


def test_a_users_own_cache_stays(tmp_path):
    own = jax.config.jax_compilation_cache_dir
    with kept_programs(tmp_path):
        assert jax.config.jax_compilation_cache_dir == own
    assert not list(tmp_path.iterdir())


def test_the_folder_is_named_after_version_and_processor(monkeypatch):
    here = default_folder()
    monkeypatch.setattr(program_cache.platform, "machine", lambda: "another")
    assert default_folder() != here
    assert default_folder().parent == here.parent
