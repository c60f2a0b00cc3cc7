"""Reading a run folder's files: what goes wrong is told with the file, in one line."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from latentsweep.errors import LatentsweepError, RunFolderError
from latentsweep.record.schema import NAME, TEXTS, WHOLE

_LONGEST = 120  # characters of a reason

_MADE_ANEW = {  # by whom, if it is not there
    "answers": "the command that began the run",
    "alarms": "'latentsweep evaluate'",
    "yardsticks": "'latentsweep evaluate'",
}
_OF_THE_SYSTEM = "Resource temporarily unavailable", "Cannot allocate memory"
_KINDS = {"f": "f", "i": "iu", "n": "fiu"}


class Named(dict):
    """The content of a file by name; a name that it lacks is told with the file."""

    def __init__(self, path: Path, content: Mapping[str, Any] | Iterable[tuple[str, Any]]):
        super().__init__(content)
        self.path = path

    def __missing__(self, name: str) -> Any:
        raise damaged(self.path, f"no {name}")


def damaged(path: Path, reason: object) -> RunFolderError:
    """What is said of a file that holds something else than was written."""
    words = " ".join(str(reason).split())
    words = words if len(words) <= _LONGEST else f"{words[: _LONGEST - 3]}..."
    maker = _MADE_ANEW.get(path.name.partition(".")[0])
    remedy = f"remove it, and {maker} writes it anew" if maker else "start again with --force"
    return RunFolderError(f"{path}: is not as latentsweep wrote it ({words}); {remedy}")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns whatever goes wrong while a file is read into what is said of it."""
    try:
        if not path.is_file():
            if path.exists():
                raise damaged(path, "no regular file")
            raise RunFolderError(f"{path}: is not there; {_remedy(path)}")
        yield
    except LatentsweepError:
        raise
    except OSError as error:
        if error.errno is None:  # a parser's own
            raise damaged(path, error) from None
        raise RunFolderError(f"{path}: cannot be read ({error.strerror})") from None
    except MemoryError:
        raise damaged(path, "larger than memory") from None
    except Exception as error:  # parsers raise many kinds
        if any(words in str(error) for words in _OF_THE_SYSTEM):
            raise RunFolderError(f"{path}: cannot be read ({str(error)[:_LONGEST]})") from None
        raise damaged(path, f"{type(error).__name__}: {error}") from None


def read_json(path: Path, kind: Any) -> Any:
    """A file's JSON, if it is of that kind.

    Raises:
        RunFolderError: it is missing or another.
    """
    with reading(path):
        return parsed(path, path.read_text("utf-8"), kind)


def parsed(path: Path, text: str, kind: Any) -> Any:
    """A file's JSON text as objects that know their file."""
    content = json.loads(
        text, object_pairs_hook=lambda pairs: Named(path, pairs), parse_constant=_no_number
    )
    check(path, content, kind)
    return content


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def check(path: Path, content: Any, kind: Any) -> None:
    """Refuse JSON of another kind.

    Raises:
        RunFolderError: it is such.
    """
    try:
        _adapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise damaged(path, f"{where}: {first['msg']}" if where else first["msg"]) from None


def check_members(path: Path, settings: Iterable[Mapping[str, Any]]) -> None:
    """Each network's name says which it is, so that it leads nowhere else."""
    for each in settings:
        if each["name"] != _name(each["objective"], each["latent_size"], each["seed"]):
            raise damaged(path, f"member {each['name']!r} is another")


def check_table(path: Path, table: pd.DataFrame, columns: Iterable[str]) -> None:
    """Refuse a table without these columns, or with values of another kind.

    Raises:
        RunFolderError: it is such.
    """
    for name in columns:
        if name not in table:
            raise damaged(path, f"no column {name}")
    for name, column in table.items():
        if len(table) and not _is_kind(str(name), column):
            raise damaged(path, f"column {name}: other values")
    if "member" in table and not all(NAME.fullmatch(each) for each in table["member"].unique()):
        raise damaged(path, "member: other names")


def check_results(path: Path, table: pd.DataFrame) -> None:
    """Refuse results whose rows are not one network each."""
    rows = zip(*(table[name] for name in ("objective", "latent_size", "seed")), strict=True)
    if list(table["member"]) != [_name(*row) for row in rows] or table["member"].duplicated().any():
        raise damaged(path, "rows that are not one network each")
    if not table["status"].isin(["ok", "failed"]).all():
        raise damaged(path, "status: neither ok nor failed")


def check_arrays(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    layout: Mapping[str, str],
    sizes: Mapping[str, Any],
) -> None:
    """Refuse arrays of other types or shapes; those that are not in the layout are not looked at.

    Args:
        sizes: what is known of the axes; `*` is the shape of an item.

    Raises:
        RunFolderError: there is one.
    """
    sizes = dict(sizes)
    for name, array in arrays.items():
        prefixes = [
            key for key in layout if name == key or (key[-1] in "/_" and key in name[: len(key)])
        ]
        if prefixes and not _fits(array, layout[max(prefixes, key=len)].split(), sizes):
            raise damaged(path, f"{name}: {array.dtype} {list(array.shape)}, or its values")


def _fits(array: np.ndarray, layout: Sequence[str], sizes: dict[str, Any]) -> bool:
    """Whether an array is of a kind and has these axes, of which new ones are noted."""
    kind, *axes = layout
    below = axes.pop()[1:] if axes[-1][0] == "<" else None
    wanted = [each for axis in axes for each in (sizes.get("*", "*") if axis == "*" else [axis])]
    if array.dtype.kind not in _KINDS[kind] or (len(wanted) != array.ndim and "*" not in wanted):
        return False
    for axis, size in zip(wanted, array.shape, strict=False):
        here = int(axis) if str(axis).isdigit() else sizes.setdefault(str(axis), size)
        if axis != "*" and size != here:
            return False
    if below not in sizes or not array.size:
        return True
    return bool(array.min() >= 0 and array.max() < sizes[below])


@cache
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)


def _is_kind(name: str, column: pd.Series) -> bool:
    if name in TEXTS:
        return name == "id" or all(isinstance(each, str) for each in column)
    if name in WHOLE:
        return column.dtype.kind in "iu" and bool(((column >= 0) & (column < 2**53)).all())
    return column.dtype.kind in "biuf"


def _name(objective: str, latent_size: int, seed: int) -> str:
    return f"{objective}-k{latent_size:02d}-s{seed}"


def _remedy(path: Path) -> str:
    """What makes a file that is missing."""
    if maker := _MADE_ANEW.get(path.name.partition(".")[0]):
        return f"{maker} writes it anew"
    root = next((each for each in path.parents if (each / "manifest.json").exists()), path.parent)
    try:
        complete = json.loads((root / "manifest.json").read_bytes())["status"] == "complete"
    except (OSError, ValueError, TypeError, KeyError):
        complete = False
    if complete:
        return "it was removed; start again with --force"
    return "the run is unfinished: the command that began it goes on"
