"""Files that are either the old ones or the new ones, whatever happens in between."""

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

_MARK = "partial"
_LEFT_OVER = re.compile(rf"\.(.+\.)?{_MARK}(\.\w+)?")


def write(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a temporary file beside `path`, then rename it into place.

    The data is on the disk (fsync) before the name changes, so a process killed at any moment
    leaves the old file or the new one, and at most a temporary file that `sweep` removes. That has
    a name nobody knows beforehand and is never opened through a link; a link that has the file's
    own name is replaced. The file gets the permissions that the umask leaves.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:150]}.{secrets.token_hex(4)}.{_MARK}{path.suffix}")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(temporary, flags, 0o666)
    mode = os.fstat(handle).st_mode & 0o777
    os.close(handle)
    try:
        with _told_of(path):
            fill(temporary)
        temporary.chmod(mode)  # some libraries put a file of their own in its place
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Within it, what the system refuses names this file, whichever library tells of it."""
    try:
        yield
    except SafetensorError as error:
        if not (code := re.search(r"os error (\d+)", str(error))):
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from None
    except OSError as error:
        error.filename = str(path)
        raise


def sweep(folder: Path, *, older: float = 0.0) -> None:
    """Remove the temporary files that killed processes left in a folder.

    Args:
        older: seconds that they have lain there at least.
    """
    for file in folder.iterdir() if folder.is_dir() else ():
        if _LEFT_OVER.fullmatch(file.name) and file.lstat().st_mtime <= time.time() - older:
            file.unlink(missing_ok=True)


def is_left_over(name: str) -> bool:
    """Whether a file's name is that of a temporary one."""
    return _LEFT_OVER.fullmatch(name) is not None


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""
    write(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write a mapping as indented JSON, atomically; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
