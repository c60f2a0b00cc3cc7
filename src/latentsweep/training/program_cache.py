"""Compiled programs, kept between processes: a study that ran before compiles nothing.

They lie in the user's cache folder, in a folder of their own for each version of JAX and each kind
of processor, since a program holds that processor's instructions. JAX's own key (the program, its
options, its devices) names the file, and what JAX reads there it takes for that program: so a file
that is not as it was when its process ended goes, and is compiled again. Without a folder that can
be written all is as before, only slower. A cache that somebody set up for JAX is used as it is.
"""

import hashlib
import json
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache
from platformdirs import user_cache_path

from latentsweep.record import atomic

_INDEX = "programs.json"
_MOST_BYTES = 2**28  # beyond it the least recently used programs go


@contextmanager
def kept_programs(folder: Path | None = None) -> Iterator[None]:
    """Within it, programs that JAX compiles are read from the cache, or written to it."""
    folder = folder or default_folder()
    own = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if own or not _usable(folder):
        yield
        return
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_compilation_cache_max_size": _MOST_BYTES,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    _set(settings)
    _forget_others(folder)
    try:
        with warnings.catch_warnings():  # an entry that can't be read is compiled again
            warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation")
            yield
    finally:
        _set(before)
        _note(folder)


def default_folder() -> Path:
    """Where this user's programs for this version of JAX and this processor lie."""
    return user_cache_path("latentsweep") / "programs" / f"{jax.__version__}-{_processor()}"


def _forget_others(folder: Path) -> None:
    """Remove the programs that are not those that were noted under their names."""
    noted = _noted(folder)
    for name, mark in _marks(folder).items():
        if noted.get(name, mark) != mark:
            (folder / name).unlink(missing_ok=True)


def _note(folder: Path) -> None:
    """Note all programs as they are, unless nobody may write there."""
    marks = _marks(folder)
    if marks != _noted(folder):
        with suppress(OSError):
            atomic.write_json(folder / _INDEX, marks)


def _noted(folder: Path) -> dict[str, list[int]]:
    with suppress(OSError, ValueError, RecursionError):
        noted = json.loads((folder / _INDEX).read_bytes())
        return noted if isinstance(noted, dict) else {}
    return {}


def _marks(folder: Path) -> dict[str, list[int]]:
    """The size of each program, and when it was written."""
    marks = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith("-cache"):
                with suppress(OSError):  # another process may remove it
                    told = entry.stat()
                    marks[entry.name] = [told.st_size, told.st_mtime_ns]
    return marks


def _processor() -> str:
    """A short name of what decides which instructions a program may hold."""
    facts = [platform.machine(), platform.processor()]
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        kinds = ("flags", "Features", "model name")
        facts += sorted({x for x in listed.read_text().splitlines() if x.startswith(kinds)})
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _set(settings: dict[str, object]) -> None:
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # it is opened once, with the settings that it finds
