"""A recommendation in the terminal: the table of sizes, the answer, what it rests on."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any


def recommendation_lines(answer: Mapping[str, Any], check: int | None = None) -> list[str]:
    """Everything that a recommendation says, in about 96 columns."""
    told = [answer["sentence"], *_checked(answer, check), *answer["evidence_sentences"]]
    told += [_shares(answer)] if any(s["latent_size"] for s in answer["at_shares"]) else []
    told += [answer["scope"], *answer["notes"]]
    told += [answer["open"]] if answer.get("open") else []
    lines = ["", *size_table(answer), ""]
    for words in told:
        lines += [*paragraph(words), ""]
    if answer["methods"]:
        lines += ["For a paper:", *paragraph(f'"{answer["methods"]}"')]
    return lines


def paragraph(words: str, indent: str = "") -> list[str]:
    """The lines of some words, in 96 columns; a word with a hyphen stays whole."""
    return textwrap.wrap(
        words, 96, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def size_table(answer: Mapping[str, Any]) -> list[str]:
    """A row a size: its loss, how far behind the best, active units and the verdict."""
    titles = ("size", "seeds", answer["measure"], "linear", "behind", "90 % interval", "active", "")
    rows = [titles, *(_cells(row, answer) for row in answer["rows"])]
    filled = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in filled]
    *right, last = zip(filled, widths, strict=True)
    columns = [[cell.rjust(width) for cell in column] for column, width in right] + [last[0]]
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]


def _cells(row: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[str, ...]:
    active = row.get("active_units")
    return (
        str(row["latent_size"]),
        str(row["seeds"]),
        _number(row["loss"]),
        _linear(row["latent_size"], answer),
        _number(row["behind"]),
        f"{_number(row['low'])} to {_number(row['high'])}",
        "" if active is None else f"{active:.1f}".removesuffix(".0"),
        _verdict(row, answer),
    )


def _linear(size: int, answer: Mapping[str, Any]) -> str:
    """What a linear model of this size loses, where there is one."""
    sizes = (answer.get("linear") or {}).get("sizes", ())
    return next((_number(each["linear"]) for each in sizes if each["latent_size"] == size), "")


def _verdict(row: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """The size's verdict: the answer is marked, and sizes with idle dimensions are unused."""
    if answer["status"] in ("one size", "too few seeds"):
        return ""
    if row["latent_size"] == answer["latent_size"]:
        return "<- the smallest that is enough"
    active = row.get("active_units")
    if row["verdict"] == "enough" and active is not None and active <= row["latent_size"] - 1:
        return "enough, partly unused"
    return row["verdict"]


def _checked(answer: Mapping[str, Any], check: int | None) -> Iterable[str]:
    """Whether the size that someone uses is all right."""
    if check is None:
        return
    rows = {row["latent_size"]: row for row in answer["rows"]}
    if check not in rows:
        yield f"{check} was not tried; the sizes tried are {', '.join(map(str, rows))}."
        return
    row = rows[check]
    active = row.get("active_units")
    idle = "" if active is None else f" {check - active:.1f} of its dimensions carry nothing."
    unit = f" {answer['unit']}" if answer["unit"] else ""
    yield (
        f"{check}: {_place(answer, row)}; {_number(row['behind'])}{unit} behind "
        f"({_number(row['low'])} to {_number(row['high'])}).{idle}".replace(".0 of", " of")
    )


def _place(answer: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if answer["set"] is None:
        return f"{row['verdict']}, and no size was recommended"
    low, high = answer["set"]
    words = f"the 90 % set is {low} to {high}" if low < high else f"the answer is {low}"
    if row["latent_size"] < low:
        return f"{row['verdict']}; {words}"
    if row["latent_size"] <= high:
        return f"in the 90 % set, {low} to {high}"
    return f"{row['verdict']}, and more than is needed: {words}"


def _shares(answer: Mapping[str, Any]) -> str:
    words = ", ".join(
        f"{100 * each['share']:g} %: {each['latent_size'] or 'none'}"
        for each in answer["at_shares"]
    )
    return f"The smallest size within a share of the attainable gain, by that share: {words}."


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.1f}"
