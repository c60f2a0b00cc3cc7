"""Paths as users write them."""

from contextlib import suppress
from pathlib import Path

from latentsweep.errors import DataError, refused


def user_path(field: str, text: str | Path) -> Path:
    """The path that is meant, `~` being a home; nothing need be there.

    Args:
        field: that holds it, for the error message.
        text: as it was given.

    Raises:
        DataError: no file can be called that: an unknown home, a NUL, a name that is too long.
    """
    with refused(
        lambda why: DataError(f"{field}: must be a path, got '{text}' ({why}); check the path")
    ):
        path = Path(text).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            path.stat()
    return path
