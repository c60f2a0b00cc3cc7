"""One process at a time on a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from latentsweep.errors import RunFolderError
from latentsweep.record import contents


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the operating system's lock on a run folder; it ends with the process.

    What a killed process left half-written is removed.

    Raises:
        RunFolderError: another process holds it, the folder can't be made or written to, it holds
            files but no run, or one of the run's folders is a link.
    """
    contents.check_folder(folder)
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
    except OSError as error:
        raise RunFolderError(
            f"{lock.lock_file}: cannot be locked ({error.strerror}); give yourself the right to "
            "write there, or choose another folder with -o"
        ) from None
    try:
        contents.sweep(folder)
        yield
    finally:
        lock.release()
