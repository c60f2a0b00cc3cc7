"""Alarms in words: what was seen, and what to do about it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from latentsweep.language import _, marked, ngettext, printed
from latentsweep.record import reading
from latentsweep.record.folder import RunFolder


class _Words(NamedTuple):
    """What is said of a reason, and the formats of its numbers."""

    seen: str
    remedy: str
    formats: Mapping[str, str]


_REASONS = {
    "means-for-sums": _Words(
        marked(
            "the loss reads {loss} where its terms add up to {whole} nats: it averages over "
            "{features} features, and over {size} latent dimensions, which weighs the KL {weight} "
            "times"
        ),
        marked('set reduction = "sum"'),
        {"loss": ".3g", "whole": ".1f", "features": "d", "size": "d", "weight": ".3g"},
    ),
    "kl-weight": _Words(
        marked(
            "the loss weighs the KL by {weight}: it is no −ELBO, and sizes compare by the weight "
            "as much as by the data"
        ),
        marked("set kl_weight = 1, or compare by the true −ELBO beside it"),
        {"weight": ".3g"},
    ),
    "below the entropy": _Words(
        marked(
            "the true −ELBO of {neg_elbo} is below the entropy of the values, {floor}: an error in "
            "the numbers themselves"
        ),
        marked("report it with the run folder"),
        {"neg_elbo": ".1f", "floor": ".1f"},
    ),
    "below the true -ELBO": _Words(
        marked(
            "the loss of {loss} is below {neg_elbo}, the true −ELBO of the same network: it bounds "
            "nothing, and larger sizes look better than they are"
        ),
        marked('judge by the true −ELBO, or train with objectives = ["elbo"]'),
        {"loss": ".1f", "neg_elbo": ".1f"},
    ),
    "collapse": _Words(
        marked(
            "none of {size} latent dimensions is active (rate {rate} nats): the decoder ignores "
            "the code, and −ELBO is {neg_elbo} where no latent at all gives {no_latent}"
        ),
        marked(
            "lower learning_rate, or let it rise with warm_up; if that does not help, the data may "
            "have nothing to encode"
        ),
        {"size": "d", "rate": ".2g", "neg_elbo": ".1f", "no_latent": ".1f"},
    ),
    "badly-trained": _Words(
        marked(
            "a training loss of {loss} where a smaller network comes to {smaller}: more dimensions "
            "can only help there, so this one was trained badly"
        ),
        marked("raise epochs, or lower learning_rate"),
        {"loss": ".1f", "smaller": ".1f"},
    ),
    "loses-to-linear": _Words(
        marked(
            "principal components of {size} dimensions do better by {nats} nats: what is seen of "
            "this size is about its training"
        ),
        marked(
            'set init = "pca" with stopping_fraction = 0.1, or where it is so lower learning_rate'
        ),
        {"size": "d", "nats": ".2g"},
    ),
    "one epoch": _Words(
        marked("one epoch was trained: whether the curve is flat can't be told"),
        marked("raise epochs"),
        {},
    ),
    "still falls": _Words(
        marked(
            "the training loss fell by {fall} nats in the last {last} of {epochs} epochs, {share} "
            "% of its distance from no latent at all"
        ),
        marked("raise epochs"),
        {"fall": ".1f", "last": "d", "epochs": "d", "share": ".0f"},
    ),
    "not-stationary": _Words(
        marked(
            "the curve is flat, but the codes' mean and spread are off by {shift} and {stretch} "
            "from where a network at rest has them"
        ),
        marked("lower learning_rate, or let it fall with decay"),
        {"shift": ".2f", "stretch": ".2f"},
    ),
}


def alarm_in_words(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """An alarm with what was `seen` and its `remedy`; as it stands if that is all it has."""
    if "reason" not in alarm:
        return dict(alarm)  # of a folder of an earlier version
    words = _REASONS[alarm["reason"]]
    known = {n: math.nan if x is None else x for n, x in alarm["numbers"].items()}
    numbers = {name: printed(known[name], form) for name, form in words.formats.items()}
    return {**alarm, "seen": _(words.seen).format(**numbers), "remedy": _(words.remedy)}


def alarms(run: RunFolder) -> list[str]:
    """The alarms of a run, a sentence for those of one name."""
    found = run.alarms()
    if not found:
        return []
    with reading.reading(run.alarms_path):
        return alarm_sentences(found)


def alarm_sentences(raised: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence an alarm: who raised it, what was seen in the first of them, what to do."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for alarm in raised:
        by_name.setdefault(alarm["alarm"], []).append(alarm)
    return [_sentence(alarm_in_words(same[0]), len(same) - 1) for same in by_name.values()]


def _sentence(first: Mapping[str, Any], others: int) -> str:
    more = ngettext(
        "{member} (and {count} model more)", "{member} (and {count} models more)", others
    )
    who = more.format(member=first["member"], count=others) if others else first["member"]
    words = _("{alarm}, {who}: {seen}. Remedy: {remedy}.")
    return words.format(alarm=first["alarm"], who=who, seen=first["seen"], remedy=first["remedy"])
