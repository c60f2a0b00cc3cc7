"""What a user can get wrong, and nothing else: our own mistakes are assertions.

LatentsweepError
├── StudyError       a study: an unknown field, a value out of range, an unreadable file
├── DataError        a data set: missing, damaged, or holding what can't be learned from
├── RunFolderError   a run folder: in use, made by another study, unfinished, unreadable
└── ShapeError       an array of the wrong shape given to a trained model

Each message says what field, what rule, what was got and what to do, in one line.
"""

import difflib
from collections.abc import Iterable


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
