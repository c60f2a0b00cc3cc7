"""One process at a time on a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from latentsweep.errors import RunFolderError, refusal
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
    _make(folder)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunFolderError(
            f"{folder}: another process is working on it; wait for it, or choose another "
            "folder with -o"
        ) from None
    except OSError as error:
        raise RunFolderError(refusal(error, folder)) from None
    try:
        contents.sweep(folder)
        yield
    finally:
        lock.release()


def _make(folder: Path) -> None:
    """Make the folder where it is not there; a link in the lock's place would lead elsewhere."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, UnicodeEncodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is no UTF-8"
        raise RunFolderError(
            f"{folder}: cannot be made ({reason}); choose another folder with -o"
        ) from None
    if (folder / ".lock").is_symlink():
        raise RunFolderError(f"{folder / '.lock'}: is a link, which no run has; remove it")
