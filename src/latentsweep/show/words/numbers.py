"""Sizes and amounts in words."""

from collections.abc import Iterable

from latentsweep.language import _, ngettext, plural_of, printed
from latentsweep.language import listed as in_a_list

PERCENT = "90 %"  # how sure the set of sizes is


def sizes_listed(values: Iterable[int]) -> str:
    """Numbers with their runs drawn together: "2, 4, 8 to 16 and 32"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    words = ([span(run)] if len(run) > 2 else map(str, run) for run in runs)
    return in_a_list(word for run in words for word in run)


def span(values: Iterable[int]) -> str:
    """The least and the greatest of some numbers: "2 to 6", or "2"."""
    known = sorted(values)
    low, high = known[0], known[-1]
    return str(low) if low == high else _("{low} to {high}").format(low=low, high=high)


def percent(share: float) -> str:
    """A share in per cent, as short as it is: "0.5 %"."""
    return _("{number} %").format(number=printed(100 * share, "g"))


def amount(value: float, unit: str) -> str:
    """A loss, or a difference of two, in a unit, "nats" or none."""
    if not unit:
        return rounded(value)
    words = ngettext("{number} nat", "{number} nats", plural_of(value))
    return words.format(number=rounded(value))


def rounded(value: float) -> str:
    """A number with a digit that means something."""
    if abs(value) >= 100:
        return printed(value, ".0f")
    return printed(value, ".2f" if abs(value) < 10 and abs(value) >= 0.1 else ".3g")
