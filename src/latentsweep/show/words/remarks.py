"""What a reader has to know of what was compared, in words; and why nothing could be."""

from collections.abc import Callable, Mapping
from typing import Any

from latentsweep.language import _, marked, ngettext, printed
from latentsweep.show.words.answer import answer_words

Remark = Mapping[str, Any]


def remark_sentences(remark: Remark) -> list[str]:
    """What was left out, or is to be known; mostly one sentence."""
    if remark["code"] == "absurd":
        return _absurd(remark)
    return [{**_SENTENCES, **_OF_TABLES}[remark["code"]](remark)]


def why_not_judged(reason: Remark) -> str:
    """Why no latent size can be recommended."""
    code = reason["code"]
    return _(_NOT_JUDGED[code]).format(**reason)


_NOT_JUDGED = {
    "unfinished": marked("no network of it was measured yet; finish the run"),
    "no elbo": marked(
        "a latent size is recommended from networks trained with objective elbo, got keras-blog "
        "only: its loss is no bound on anything, and falls with every dimension whether the data "
        "needs it or not; run it with --objective elbo"
    ),
    "no hits": marked(
        "criterion knn needs labels and the structure of {member}, which was not measured; "
        "'latentsweep evaluate {run} --again' measures it where there are labels"
    ),
    "too little": marked(
        "at least {least} held-out examples are needed to compare sizes, got {examples}; use more "
        "data, or a larger validation_fraction"
    ),
    "all failed": marked("every network failed; see its alarms, and its data"),
}


def doubt_sentence(remedy: str | None) -> str | None:
    """That no network uses its latent, which may be the data's doing or the training's."""
    if remedy is None:
        return None
    words = _(
        "Doubt this first: at no size does a network use any of its dimensions. Data with nothing "
        "to encode does that, and so does a likelihood or a scale that does not fit it: {remedy}."
    )
    return words.format(remedy=_(_REMEDIES[remedy]))


_REMEDIES = {
    "scale": marked("try --scale auto"),
    "likelihood": marked("leave the likelihood to the data, without --set likelihood"),
    "gaussian": marked("try --set likelihood=gaussian"),
    "values": marked("look for values far from all others, or lower learning_rate"),
}


def _absurd(remark: Remark) -> list[str]:
    """What is absurd among the losses, and what it would do to the answer."""
    told = []
    if remark["examples"]:
        words = ngettext(
            "On {count} held-out example some networks are absurd, with losses up to {worst}: it "
            "is like nothing that they were trained on. There a loss counts as 30 times the usual "
            "spread at most.",
            "On {count} held-out examples some networks are absurd, with losses up to {worst}: "
            "they are like nothing that those were trained on. There a loss counts as 30 times the "
            "usual spread at most.",
            remark["examples"],
        )
        told.append(words.format(count=remark["examples"], worst=printed(remark["worst"], ".2g")))
    if remark["networks"]:
        words = _(
            "Set apart as absurd, being worse than no latent at all by more than there is to gain: "
            "{names}."
        )
        one = _("size {size} seed {seed}")
        names = ", ".join(one.format(size=size, seed=seed) for size, seed in remark["networks"])
        told.append(words.format(names=names))
    if remark["plain"] is None:
        return [*told, _("Plain means, with all of that, give the same answer.")]
    words = _("By plain means, with all of that, the answer would be: {answer}")
    return [*told, words.format(answer=answer_words(remark["plain"]))]


def _unbalanced(remark: Remark) -> str:
    words = _(
        "Not every size has each of the {seeds} seeds ({counts}); what a seed adds everywhere "
        "stays in: they share too few."
    )
    if remark["paired"]:
        words = _(
            "Not every size has each of the {seeds} seeds ({counts}); what a seed adds "
            "everywhere is taken out by least squares."
        )
    counts = ", ".join(f"{size}: {count}" for size, count in remark["counts"])
    return words.format(seeds=remark["seeds"], counts=counts)


def _badly_trained(remark: Remark) -> str:
    words = _(
        "Badly trained, since their dimensions cost much even in training: {sizes}. What is "
        "seen says nothing against them; more epochs, or a lower learning_rate, would tell."
    )
    return words.format(sizes=", ".join(map(str, remark["sizes"])))


def _failed(remark: Remark) -> str:
    words = _("Left out, since their training failed: {names}.")
    return words.format(names=", ".join(remark["names"]))


def _begun_again(remark: Remark) -> str:
    words = _("Trained again from another start, since the first ended badly: {names}.")
    return words.format(names=", ".join(remark["names"]))


def _other_objective(_remark: Remark) -> str:
    return _(
        "The keras-blog models have no part in it: their loss is not an ELBO, and falls "
        "with every dimension whether the data needs it or not."
    )


def _other_loss(remark: Remark) -> str:
    words = _(
        "These networks were not trained with the ELBO itself (kl_weight {weight}, reduction "
        "{reduction}); they are compared by it."
    )
    return words.format(weight=printed(remark["kl_weight"], "g"), reduction=remark["reduction"])


def _on_test(_remark: Remark) -> str:
    return _("The sizes were compared on the test split; no validation split was held out.")


def _groups(remark: Remark) -> str:
    """What the interval covers where whole groups, or blocks of time, were held out."""
    count, column = remark["count"], remark["split_by"]
    if count == 1:
        return _(
            "All examples that sizes were compared on are of one group (by {column}): of other "
            "groups the interval says nothing. Hold out more of them."
        ).format(column=column)
    return _(
        "Sizes were compared on {count} whole groups of examples (by {column}), of which nothing "
        "was trained on. The interval is that of other groups, not of other examples of these: "
        "groups that differ widen it, and more groups narrow it."
    ).format(count=count, column=column)


def _all_held_out(_remark: Remark) -> str:
    return _("Every example was held out: only more data would narrow the set.")


_SENTENCES: dict[str, Callable[[Remark], str]] = {
    "unbalanced": _unbalanced,
    "badly trained": _badly_trained,
    "failed": _failed,
    "begun again": _begun_again,
    "other objective": _other_objective,
    "other loss": _other_loss,
    "on test": _on_test,
    "groups": _groups,
    "all held out": _all_held_out,
}


def _not_finite(remark: Remark) -> str:
    names = ", ".join(f"size {size} seed {seed}" for size, seed in remark["networks"])
    return f"Left out, since some of their losses are not finite: {names}."


# Of a table of losses, which is told in English alone.
_OF_TABLES: dict[str, Callable[[Remark], str]] = {
    "repeats": lambda told: f"{told['rows']:,} rows that repeat another were left out.",
    "not finite": _not_finite,
    "not shared": lambda told: (
        f"{told['left_out']:,} of {told['examples']:,} examples were left out, since not every "
        "network was measured on them."
    ),
}
