"""Where text goes out: what a terminal would obey is shown, and no output ends a command.

Names, labels and a stranger's files may hold escape sequences, and characters that the output has
not; whoever reads the output may close it early, and its disk may be full. None of that stops a
training: what is left to say is dropped.
"""

import errno
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

# Controls but for newline and tab, marks that turn the direction of text, lone surrogates.
_OBEYED = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_EQUIVALENTS = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "×": "x", "≥": ">=", "≤": "<=", "→": "->", "…": "..."}
    | {"“": '"', "”": '"', "‘": "'", "’": "'", "\N{NO-BREAK SPACE}": " "}
)


def plain(text: str) -> str:
    r"""Text that no terminal obeys: `\x1b` as four characters in the place of an escape."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def encodable(text: str, encoding: str) -> str:
    """Text that an encoding has: what it lacks by its plain equivalent, or as a question mark."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_EQUIVALENTS).encode(encoding, "replace").decode(encoding)
    return text


class Outlet(io.TextIOBase):
    """A stream that can always be written to; `failed` is why nothing arrives any more.

    Args:
        stream: None where the process has none.
        obeyed: whether escape sequences go through: those of the program's own pictures.
    """

    def __init__(self, stream: TextIO | None, *, obeyed: bool = False):
        self.stream = stream
        self.obeyed = obeyed
        self.failed: OSError | None = None

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The stream's encoding."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write what can be shown of a text."""
        shown = encodable(text if self.obeyed else plain(text), self.encoding)
        self._tried(lambda stream: stream.write(shown))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self._tried(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        """The number of the stream's file."""
        if self.stream is None:
            raise io.UnsupportedOperation("fileno")
        return self.stream.fileno()

    def writable(self) -> bool:
        """It always is."""
        return True

    def _tried(self, act: Callable[[TextIO], Any]) -> None:
        if self.stream is None or self.failed:
            return
        try:
            act(self.stream)
        except OSError as error:
            self.failed = error
            with suppress(OSError, ValueError):  # what the stream still holds goes nowhere
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.stream.fileno())
                os.close(nowhere)


@contextmanager
def guarded() -> Iterator[Callable[[], OSError | None]]:
    """Within it all output goes through outlets; what is yielded tells why it didn't arrive.

    That is nothing where a reader closed it early.
    """
    before = sys.stdout, sys.stderr
    outlets = Outlet(sys.stdout), Outlet(sys.stderr)
    sys.stdout, sys.stderr = cast(tuple[TextIO, TextIO], outlets)

    def lost() -> OSError | None:
        outlets[0].flush()
        failed = outlets[0].failed
        return None if failed is None or failed.errno == errno.EPIPE else failed

    try:
        yield lost
    finally:
        for outlet in outlets:
            outlet.flush()
        sys.stdout, sys.stderr = before


def for_pictures() -> TextIO:
    """Standard output of live pictures, whose makers see to it that the text in them is plain."""
    out = sys.stdout
    return cast(TextIO, Outlet(out.stream, obeyed=True)) if isinstance(out, Outlet) else out
