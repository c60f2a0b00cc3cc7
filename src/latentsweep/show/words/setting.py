"""What a recommendation holds for, in words: the data, the networks, how they were trained."""

from collections.abc import Mapping
from typing import Any

from latentsweep.language import _, ngettext, printed
from latentsweep.show.words.numbers import span
from latentsweep.study import FACTS


def setting_words(setting: Mapping[str, Any]) -> dict[str, str]:
    """The data, the architecture and the budget."""
    if "table" in setting:  # of networks trained elsewhere
        return {
            "data": setting["table"] or "your table",
            "architecture": "the networks of that table",
            "budget": "trained as they were",
        }
    return {
        "data": _data(setting),
        "architecture": _architecture(setting),
        "budget": _budget(setting),
    }


def _data(setting: Mapping[str, Any]) -> str:
    words, part = _("{data} ({count} training examples)"), setting["fold"]
    if part is not None:
        words = _("{data} ({count} training examples, of which each seed holds out another {part})")
    elif (part := setting["groups"]) is not None:
        words = ngettext(
            "{data} ({count} training examples; {part} whole group held out, by {column})",
            "{data} ({count} training examples; {part} whole groups held out, by {column})",
            part,
        )
    return words.format(
        data=setting["data"],
        column=setting["split_by"],
        count=printed(setting["train"], ","),
        part="" if part is None else printed(part, ","),
    )


def _architecture(setting: Mapping[str, Any]) -> str:
    words = _("VAEs of {network} with a {likelihood} likelihood")
    if setting["network"] == "dense":
        words = _("dense VAEs of {units} ReLU units each way with a {likelihood} likelihood")
    elif setting["network"] == "linear-decoder":
        words = _("VAEs of {units} ReLU units and a linear decoder with a {likelihood} likelihood")
    elif setting["network"] == "convolutional":
        words = _("convolutional VAEs with a {likelihood} likelihood")
    units = ", ".join(map(str, setting["hidden_size"]))
    named = {"network": setting["network"], "units": units}
    likelihood = FACTS[setting["likelihood"]].label
    return words.format(**named, likelihood=_(likelihood))


def _budget(setting: Mapping[str, Any]) -> str:
    """How every network was trained, and how many seeds each size has."""
    words = ngettext(
        "{training} and {seeds} seed a size",
        "{training} and {seeds} seeds a size",
        setting["seeds"][1],
    )
    return words.format(training=_training(setting), seeds=span(setting["seeds"]))


def _training(setting: Mapping[str, Any]) -> str:
    words = ngettext(
        "{epochs} epoch of Adam (batch {batch}, rate {rate})",
        "{epochs} epochs of Adam (batch {batch}, rate {rate})",
        setting["epochs"],
    )
    if setting["decay"]:
        words = ngettext(
            "{epochs} epoch of Adam (batch {batch}, rate {rate} falling to 0)",
            "{epochs} epochs of Adam (batch {batch}, rate {rate} falling to 0)",
            setting["epochs"],
        )
    rate = printed(setting["learning_rate"], "g")
    return words.format(epochs=setting["epochs"], batch=setting["batch_size"], rate=rate)
