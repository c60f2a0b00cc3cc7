"""What a recommendation holds for, in words: the data, the networks, how they were trained."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from latentsweep.answers.losses import Losses
from latentsweep.answers.wording import Measure, Setting, span
from latentsweep.language import _, ngettext, printed
from latentsweep.study import FACTS, Study


def setting_of(losses: Losses, study: Study, data: Mapping[str, Any], measure: Measure) -> Setting:
    """The data, the networks and their training that an answer holds for.

    Args:
        data: what a run's manifest says of it.
    """
    train = printed(data["splits"]["train"], ",")
    words, part = _("{data} ({count} training examples)"), losses.values.shape[2]
    if losses.folds > 1:
        words = _("{data} ({count} training examples, of which each seed holds out another {part})")
    elif losses.groups is not None:
        part = len(np.unique(losses.groups))
        words = ngettext(
            "{data} ({count} training examples; {part} whole group held out, by {column})",
            "{data} ({count} training examples; {part} whole groups held out, by {column})",
            part,
        )
    named = {"data": data["name"], "column": study.split_by}
    return Setting(
        data=words.format(**named, count=train, part=printed(part, ",")),
        architecture=_architecture(study, data["likelihood"]),
        budget=_budget(losses, _training(study)),
        held_out=losses.examples,
        measure=measure,
    )


def _architecture(study: Study, likelihood: str) -> str:
    words = _("VAEs of {network} with a {likelihood} likelihood")
    if study.network == "dense":
        words = _("dense VAEs of {units} ReLU units each way with a {likelihood} likelihood")
    elif study.network == "linear-decoder":
        words = _("VAEs of {units} ReLU units and a linear decoder with a {likelihood} likelihood")
    elif study.network == "convolutional":
        words = _("convolutional VAEs with a {likelihood} likelihood")
    units = ", ".join(map(str, study.hidden_size))
    named = {"network": study.network, "units": units}
    return words.format(**named, likelihood=_(FACTS[likelihood].label))


def _budget(losses: Losses, training: str) -> str:
    """How every network was trained, and how many seeds each size has."""
    counts = [count for count in losses.present.sum(axis=1).tolist() if count]
    words = ngettext(
        "{training} and {seeds} seed a size", "{training} and {seeds} seeds a size", max(counts)
    )
    return words.format(training=training, seeds=span(counts))


def _training(study: Study) -> str:
    words = ngettext(
        "{epochs} epoch of Adam (batch {batch}, rate {rate})",
        "{epochs} epochs of Adam (batch {batch}, rate {rate})",
        study.epochs,
    )
    if study.decay:
        words = ngettext(
            "{epochs} epoch of Adam (batch {batch}, rate {rate} falling to 0)",
            "{epochs} epochs of Adam (batch {batch}, rate {rate} falling to 0)",
            study.epochs,
        )
    rate = printed(study.learning_rate, "g")
    return words.format(epochs=study.epochs, batch=study.batch_size, rate=rate)
