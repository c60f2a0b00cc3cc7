"""What a user can get wrong, and nothing else: our own mistakes are assertions.

LatentsweepError
├── StudyError       a study: an unknown field, a value out of range, an unreadable file
├── DataError        a data set: missing, damaged, or holding what can't be learned from
├── RunFolderError   a run folder: in use, made by another study, unfinished, unreadable
└── ShapeError       an array of the wrong shape given to a trained model

Each message says what field, what rule, what was got and what to do, in one line.
"""

import difflib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class LatentsweepError(Exception):
    """A mistake that its user can mend; the command line prints it and exits with 2."""


class StudyError(LatentsweepError):
    """A study that can't be run as it is written."""


class DataError(LatentsweepError):
    """Data that is not there, is damaged, or can't be learned from."""


class RunFolderError(LatentsweepError):
    """A run folder that can't be used for what was asked."""


class ShapeError(LatentsweepError, ValueError):
    """An array whose shape does not fit the model."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The hint "; did you mean 'x'?" for a mistyped word, or "" if nothing is near."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


@contextmanager
def refused(say: Callable[[str], LatentsweepError]) -> Iterator[None]:
    """Turn whatever a library raises while it reads what a user gave into one of these errors.

    Readers raise what they like on damaged input: KeyError, RuntimeError, struct.error and more. So
    the library's call belongs inside, and nothing of our own, whose mistakes would be hidden.

    Args:
        say: the error, given the reason in a few words.
    """
    try:
        yield
    except LatentsweepError:
        raise
    except Exception as error:
        raise say(reason(error)) from None


def reason(error: Exception) -> str:
    """Why something failed, in the words of who raised it, on one line."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    told = error.strerror if isinstance(error, OSError) else None
    words = " ".join((told or str(error)).split()).rstrip(".")
    named = not words or isinstance(error, LookupError)
    return f"{type(error).__name__} {words}".strip() if named else words


def shortened(message: str, most: int) -> str:
    """A message on one line of at most so many characters, its middle left out if need be.

    What a user gave, however long, stands in the middle: the field and the rule are told before it,
    and what to do after it.
    """
    line = " ".join(message.split())
    if len(line) <= most:
        return line
    end = most // 3
    return f"{line[: most - end - 5]} ... {line[-end:]}"


_REMEDIES = {
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG): "make room",
    (errno.EACCES, errno.EPERM, errno.EROFS): "see to its permissions",
    (errno.ENAMETOOLONG,): "choose a shorter name",
    (errno.ENOENT,): "put it back, if it was moved",
    (errno.EISDIR, errno.ENOTDIR, errno.EEXIST): "move away what stands in its place",
    (errno.EMFILE, errno.ENFILE): "allow more open files (ulimit -n)",
}


def refusal(error: OSError, path: object = None) -> str:
    """What the system refused, in one line: the path, the reason and what to do.

    Args:
        path: that of what was asked for, where the error does not name it.
    """
    place = path if path is not None else error.filename
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    todo = next((words for kinds, words in _REMEDIES.items() if error.errno in kinds), "mend that")
    named = f"{os.fsdecode(place)}: " if isinstance(place, str | bytes | os.PathLike) else ""
    return f"{named}{reason}; {todo}, and the same command goes on: nothing is lost"
