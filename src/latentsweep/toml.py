"""TOML as users write it: what is larger than any study is refused before it is parsed."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latentsweep.errors import LatentsweepError, refused

_MOST = 2**20  # bytes
_MOST_DOTS = 5_000  # a key of so many takes 100 MB to parse, one of ten times as many 9 GB

Say = Callable[[str], LatentsweepError]


def read(path: Path) -> str:
    """The text of a file, no more than is parsed.

    Raises:
        OSError: it can't be read.
        ValueError: it is no UTF-8, or its name none of a file.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ValueError("no regular file")
    with path.open("rb") as file:
        return file.read(_MOST + 1).decode("utf-8")


def parsed(text: str, say: Say) -> dict[str, Any]:
    """What a text holds.

    Args:
        text: in TOML.
        say: the error of what can't be parsed, given the reason.
    """
    with refused(say):
        return _parsed(text)


def value(text: str, say: Say) -> Any:
    """The value that a text is in TOML, or else the text.

    Args:
        text: on the right of an equals sign.
        say: the error of what can't be parsed, given the reason.
    """
    with refused(say):
        try:
            return _parsed(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text.strip()


def _parsed(text: str) -> dict[str, Any]:
    if len(text) > _MOST or text.count(".") > _MOST_DOTS:
        raise ValueError(f"more than {_MOST:,} characters or {_MOST_DOTS:,} dots")
    return tomllib.loads(text)
