"""CSV and Parquet files as data frames; what can't be read is refused in one line.

Of a text file is found out: the lines before its names (comments that begin with #, `sep=;`), what
separates its columns, whether its first column names the rows, as R writes them, and whether a
comma in a number parts thousands or decimals. What can be read in two ways is refused with both.
"""

import csv
import itertools
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pandas as pd

from latentsweep.data.memory import check_fits
from latentsweep.data.numbers import to_numbers
from latentsweep.data.raw import reading
from latentsweep.data.sources import parquet_file
from latentsweep.data.sources.parquet_file import ROW_NAMES, Table, unreadable
from latentsweep.errors import DataError, reason, refused

# Texts that stand for a missing number; in columns of text only the empty one does.
MISSING = (
    *("", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null"),
    *("None", "none", "?", "#N/A N/A", "1.#QNAN", "1.#IND", "-1.#QNAN", "-1.#IND"),
)
_SEPARATORS = ",;\t|"
_LOOKED_AT = 20  # lines
_FEW = 5
_THOUSANDS = re.compile(r"\s*[-+]?\d{1,3}(,\d{3})+(\.\d*)?\s*")
_ZERO = re.compile(r"[-+]?0")
_DOTTED = re.compile(r"\s*[-+]?\d{1,3}(\.\d{3})+\s*")
_COMMA = re.compile(
    rf"{_THOUSANDS.pattern}|\s*[-+]?(\d+|\d{{1,3}}(\.\d{{3}})+)?,\d+([eE][-+]?\d+)?\s*"
)


def read(path: Path, text: Collection[str] = ()) -> Table:
    """The table in a file, its first line or its schema naming the columns.

    Args:
        path: of a CSV, TSV or Parquet file.
        text: columns of a text file that stay text, whatever they look like.

    Raises:
        DataError: no such file, not a table, or one that is larger than memory.
    """
    if path.suffix.lower() in parquet_file.SUFFIXES:
        return parquet_file.read(path)
    try:
        return _csv(path, text)
    except UnicodeDecodeError:
        raise _no_text(path) from None
    except (ValueError, OSError, csv.Error) as error:
        raise unreadable(path, reason(error)) from None


# -- text files


def _no_text(path: Path) -> DataError:
    return DataError(f"data: '{path}' is not a UTF-8 text file; save it as UTF-8")


class _Layout(NamedTuple):
    """How a text file is laid out: lines before its names, separator, names, and what is odd.

    `named_rows` says that rows have one field more than there are names: the first names the row.
    """

    before: int
    separator: str
    names: list[str]
    named_rows: bool


def _csv(path: Path, text: Collection[str]) -> Table:
    remedy = "save it as Parquet (docs/data.md), which is read in parts"
    with reading(path, partial(unreadable, path)):
        check_fits(f"data: '{path}'", path.stat().st_size, remedy)
        path.open("rb").close()
    layout = _layout(path)
    first = [ROW_NAMES] if layout.named_rows else []
    names = _distinct([*first, *layout.names])
    nameless = itertools.takewhile(lambda name: not name, layout.names)
    index = names[:1] if first else names[: sum(1 for _ in nameless)]
    texts = {*text, *index}
    frame = _without_empty(_read_csv(path, layout, names, texts), layout)
    frame, dotted = _with_points(path, layout, names, frame, texts)
    there = tuple(name for name in index if name in frame.columns)
    return Table(_with_numbers(path, frame, texts | dotted), there)


def _layout(path: Path) -> _Layout:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(itertools.islice(file, 1000))
    if any("\0" in line for line in lines):
        raise _no_text(path)
    before, declared = _preamble(lines)
    rest = lines[before : before + _LOOKED_AT]
    if not rest:
        raise DataError(
            f"data: '{path}' cannot be read as a table (No columns to parse from file); save it "
            "again as CSV or Parquet"
        )
    separator = declared or _separator(rest)
    rows = _fields(rest, separator)
    names, others = [name.strip().removeprefix("#").strip() for name in rows[0]], rows[1:]
    if len(names) == 1 and others and not _names_rows(rest[1:], others):
        separator, others = "\t", [[line.strip()] for line in rest[1:]]  # commas are in numbers
    named_rows = bool(others) and all(len(row) == len(names) + 1 for row in others)
    if named_rows and all(row[-1] == "" for row in others):
        named_rows, names = False, [*names, ""]  # a separator ends each line
    _check_header(path, names, others)
    return _Layout(before, separator, names, named_rows)


def _preamble(lines: Sequence[str]) -> tuple[int, str]:
    """How many lines stand before the names, and the separator that one of them declares.

    The last comment may be the names themselves, if as many numbers as it has fields follow.
    """
    before, declared = 0, ""
    for line in lines:
        if said := re.fullmatch(r"\s*\"?sep=(.)\"?\s*", line):
            declared = said.group(1)
        elif line.strip() and not line.startswith("#"):
            break
        before += 1
    if 0 < before < len(lines) and lines[before - 1].startswith("#"):
        separator = declared or _separator(lines[before - 1 : before + _LOOKED_AT])
        names, first = _fields(lines[before - 1 : before + 1], separator)
        words = not any(map(_is_number, names)) and any(map(_is_number, first))
        if len(names) == len(first) > 1 and words:
            return before - 1, declared
    return before, declared


def _fields(lines: Sequence[str], separator: str) -> list[list[str]]:
    return [row for row in csv.reader(lines, delimiter=separator, skipinitialspace=True) if row]


def _separator(lines: Sequence[str]) -> str:
    """What parts all lines into as many fields as the first, and that into most.

    Quotes are respected, and rows may have one field more than there are names.
    """

    def fields(separator: str) -> int:
        counts = [len(row) for row in _fields(lines, separator)]
        return counts[0] if all(count - counts[0] in (0, 1) for count in counts[1:]) else 0

    best = max((*_SEPARATORS, " "), key=fields)
    if fields(best) > 1:
        return best
    return max(_SEPARATORS, key=lambda each: len(_fields(lines[:1], each)[0]))


def _names_rows(lines: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of two fields is a row's name: in quotes, text, or counting the rows."""
    firsts = [row[0] for row in rows]
    quoted = all(line.lstrip().startswith('"') for line in lines if line.strip())
    counted = firsts in ([str(i + start) for i in range(len(rows))] for start in (0, 1))
    return quoted or counted or not all(map(_is_number, firsts))


def _distinct(names: Sequence[str]) -> list[str]:
    """Names as pandas makes them: those that are lacking or stand twice get a number."""
    found: list[str] = []
    for place, name in enumerate(names):
        one = name or (ROW_NAMES if place == 0 else f"Unnamed: {place}")
        numbered = (f"{one}.{number}" for number in itertools.count(1))
        found.append(one if one not in found else next(n for n in numbered if n not in found))
    return found


def _read_csv(
    path: Path, layout: _Layout, names: Sequence[str], text: Collection[str]
) -> pd.DataFrame:
    texts = {name: str for name in names if name in text}
    missing = {name: [""] if name in text else list(MISSING) for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # text among numbers: told later
        with path.open(encoding="utf-8-sig", newline="") as file:
            for _ in range(layout.before):
                next(file)
            next(csv.reader(file, delimiter=layout.separator))  # the names, maybe in several lines
            return _parsed(
                path,
                file,
                sep=layout.separator,
                names=list(names),
                header=None,
                dtype=texts,
                na_values=missing,
                keep_default_na=False,
                index_col=False,
                skipinitialspace=True,
            )


def _parsed(path: Path, file: TextIO, **options: Any) -> pd.DataFrame:
    with refused(partial(unreadable, path)):
        try:
            return pd.read_csv(file, **options)
        except UnicodeDecodeError:
            raise _no_text(path) from None


def _without_empty(frame: pd.DataFrame, layout: _Layout) -> pd.DataFrame:
    """Without columns that have neither a name nor a value, as separators at the end make them."""
    places = range(len(frame.columns) - len(layout.names), len(frame.columns))
    nameless = [frame.columns[p] for p, name in zip(places, layout.names, strict=True) if not name]
    return frame.drop(columns=[name for name in nameless if frame[name].isna().all()])


# -- points and commas in numbers


def _with_points(
    path: Path,
    layout: _Layout,
    names: Sequence[str],
    frame: pd.DataFrame,
    text: Collection[str],
) -> tuple[pd.DataFrame, set[str]]:
    """The table with points read as thousands where its commas are decimals, and those columns.

    Raises:
        DataError: points of a column may part thousands or decimals.
    """
    floats = [str(name) for name in frame if pd.api.types.is_float_dtype(frame[name])]
    likely = {
        name for name in floats if (frame[name].dropna().round(3) == frame[name].dropna()).all()
    }
    if layout.separator == "," or not likely:
        return frame, set()
    raw = _read_csv(path, layout, names, likely)
    thousands = {}
    for name in sorted(likely):
        texts = [text for text in raw[name].dropna().str.strip() if text not in MISSING]
        pointed = [text for text in texts if "." in text]
        if pointed and all(map(_DOTTED.fullmatch, pointed)) and not any(map(_ZERO.match, texts)):
            thousands[name] = len(pointed) < len(texts), pointed[0]
    commas = any(
        any(map(_COMMA.fullmatch, numbers)) and not all(map(_THOUSANDS.fullmatch, numbers))
        for name in frame
        if name not in text and not pd.api.types.is_numeric_dtype(frame[name])
        if (numbers := _numbers_with_commas(frame[name]))
    )
    if not commas:
        for name, (mixed, first) in thousands.items():
            if mixed:
                raise DataError(
                    f"data: '{first}' in column '{name}' of '{path}' may be "
                    f"{first.replace('.', '')} or {first}; write its numbers without points for "
                    "thousands"
                )
        return frame, set()
    read = {n: pd.to_numeric(raw[n].str.replace(".", ""), errors="coerce") for n in thousands}
    return frame.assign(**read), set(thousands)


def _with_numbers(path: Path, frame: pd.DataFrame, text: Collection[str]) -> pd.DataFrame:
    """The columns of numbers with commas as numbers, the commas read as the file means them."""
    others = [str(name) for name in frame if name not in text]
    texts = [name for name in others if not pd.api.types.is_numeric_dtype(frame[name])]
    commas = {name: _numbers_with_commas(frame[name]) for name in texts}
    commas = {name: numbers for name, numbers in commas.items() if numbers}
    if not commas:
        return frame
    thousands = _part_thousands(path, frame, commas)
    read = {name: frame[name].map(lambda text: _plain(text, thousands)) for name in commas}
    numbers = {name: to_numbers(column) for name, column in read.items()}
    whole = {n: c for n, c in numbers.items() if (c.notna() | frame[n].isna()).all()}
    return frame.assign(**whole)


def _numbers_with_commas(column: pd.Series) -> list[str]:
    """The texts of a column that have commas, if all of them are numbers."""
    found = [text for text in column.dropna().astype(str) if "," in text]
    return found if all(map(_COMMA.fullmatch, found)) else []


def _part_thousands(path: Path, frame: pd.DataFrame, commas: Mapping[str, list[str]]) -> bool:
    """Whether commas part thousands, not decimals, in all of a file's numbers.

    Raises:
        DataError: they may be either, or commas and points both part decimals.
    """
    numbers = [text.strip() for found in commas.values() for text in found]
    others = [n for n in frame if n not in commas and pd.api.types.is_float_dtype(frame[n])]
    pointed = next((name for name in others if (frame[name] % 1 > 0).any()), None)
    name, first = next((name, found[0].strip()) for name, found in commas.items())
    if all(map(_THOUSANDS.fullmatch, numbers)) and not any(map(_ZERO.match, numbers)):
        if pointed is not None or any(text.count(",") > 1 or "." in text for text in numbers):
            return True
        raise DataError(
            f"data: '{first}' in column '{name}' of '{path}' may be {first.replace(',', '')} or "
            f"{first.replace(',', '.')}; write its numbers without commas"
        )
    if pointed is not None:
        value = frame[pointed][frame[pointed] % 1 > 0].iloc[0]
        raise DataError(
            f"data: numbers with commas or with points for decimals are needed, got '{first}' in "
            f"column '{name}' and {value:g} in column '{pointed}' of '{path}'; write all with "
            "points"
        )
    return False


def _plain(text: object, thousands: bool) -> object:
    """A number in Python's way of writing; what is none stays as it is."""
    if not isinstance(text, str) or thousands:
        return text.replace(",", "") if isinstance(text, str) else text
    if "," not in text and "." in text and not _DOTTED.fullmatch(text):
        return text + "?"  # a point for decimals among commas for them: no number
    return text.replace(".", "").replace(",", ".")


# -- names


def _check_header(path: Path, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Refuse a first line of numbers, but those that count, or are far from all that is below."""
    counted = [str(i) for i in range(len(names))]
    numbers = [place for place, name in enumerate(names) if _is_number(name)]
    alone = len(numbers) == len(names)
    if not numbers or names == counted:
        return
    if not alone and not any("." in names[place] for place in numbers):
        return  # years, say, beside other names
    columns = list(zip(*rows, strict=False))
    if columns and all(_is_far(names[place], columns[place]) for place in numbers):
        return
    raise DataError(
        f"data: the first line of '{path}' must name the columns, got numbers{' alone' * alone} "
        f"({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}); write names above them"
    )


def _is_far(name: str, column: Sequence[str]) -> bool:
    """Whether a number is none of a column's: further from all than they are from each other."""
    values = [float(text) for text in column if _is_number(text)]
    if len(values) < _FEW:
        return False
    low, high = min(values), max(values)
    return not 2 * low - high <= float(name) <= 2 * high - low


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
