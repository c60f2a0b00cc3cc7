"""One process at a time on a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from latentsweep.errors import RunFolderError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the operating system's lock on a run folder; it ends with the process.

    Raises:
        RunFolderError: another process holds it, or the folder can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"{folder}: cannot be made ({error.strerror}); choose another folder with -o"
        ) from None
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunFolderError(
            f"{folder}: another process is working on it; wait for it, or choose another "
            "folder with -o"
        ) from None
    try:
        yield
    finally:
        lock.release()
