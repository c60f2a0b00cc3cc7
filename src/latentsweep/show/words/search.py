"""A search in words: why it trains what it trains next, and what its end leaves open."""

from collections.abc import Mapping
from typing import Any

from latentsweep.language import _, marked, printed

_WHY = {
    "none below is enough": marked("no size below {size} is enough"),
    "best so far": marked("{size} is the best so far"),
    "gain ends between": marked("the gain ends between {low} and {high}"),
    "near the best": marked("{high} is near the best"),
    "set spans": marked("the set spans {low} to {high}"),
    "gain not sure": marked("a gain is seen, but not sure"),
    "wide set": marked("the set is wider than was asked for"),
    "undecided": marked("{sizes} undecided"),
    "coarse grid": "a coarse grid",  # is never left open, and a terminal's words are English
    "asked for": "asked for",
}


def why(reason: Mapping[str, Any]) -> str:
    """Why a step is taken."""
    code, sizes = reason["code"], ", ".join(map(str, reason.get("sizes", ())))
    return _(_WHY[code]).format(**{**reason, "sizes": sizes})


def left_open(ending: Mapping[str, Any] | None) -> str | None:
    """What a search leaves open, None if nothing."""
    if ending is None:
        return None
    if ending["code"] == "seeds spent":
        words = _(
            "A size gets at most {seeds} seeds in a search, and what is undecided has had them."
        )
        return words.format(seeds=ending["seeds"])
    open_question = why(ending["reason"])
    if ending["code"] == "networks failed":
        return _(
            "Still open: {why}; but the networks that would tell failed (see the alarms)."
        ).format(why=open_question)
    return _(
        "The budget is spent. Still open: {why}. The next step would be {networks} networks, "
        "about {minutes} min here; a larger --budget goes on from there."
    ).format(
        why=open_question,
        networks=ending["networks"],
        minutes=printed(max(ending["seconds"] / 60, 0.1), ".1f"),
    )
