"""What else tells of a dimension, in words: units, neighbours, classes, and a linear model."""

from collections.abc import Mapping
from typing import Any

from latentsweep.language import _, ngettext, printed
from latentsweep.show.words.numbers import PERCENT


def evidence_sentences(found: Mapping[str, Any]) -> list[str]:
    """What else tells of a dimension, and whether it agrees; nothing where nothing was measured."""
    evidence = found["evidence"]
    return [
        *_unit_sentences(evidence),
        *_neighbour_sentences(evidence),
        *_class_sentences(evidence),
        *_gradual_sentences(found),
        *_agreement_sentences(evidence["agreeing"]),
    ]


def _unit_sentences(evidence: Mapping[str, Any]) -> list[str]:
    active, effective = evidence["active_units"], evidence["effective_units"]
    if active is None or effective is None:
        return []
    words = _(
        "Of the widest network's {widest} dimensions {active} carry something; weighed by what "
        "they carry, they count as {effective}."
    )
    told = {"widest": evidence["widest"], "active": active}
    return [words.format(**told, effective=printed(effective, ".1f"))]


def _neighbour_sentences(evidence: Mapping[str, Any]) -> list[str]:
    if evidence["dimension"] is None:
        return []
    words = _("The data's nearest neighbours read a dimension of {low} to {high}.")
    if evidence["scale_dependent"]:
        words = _(
            "The data's nearest neighbours read a dimension of {low} to {high}, which depends on "
            "the scale: a lower bound."
        )
    low, high = (printed(end, ".1f") for end in evidence["dimension"])
    return [words.format(low=low, high=high)]


def _gradual_sentences(found: Mapping[str, Any]) -> list[str]:
    size = found["gradual_at"]
    if size is None:
        return []
    behind = next(row["behind"] for row in found["rows"] if row["latent_size"] == size)
    words = _(
        "The gain fades out rather than ends: {size} dimensions are only {share} of the gain "
        "behind. How many are needed hangs on the share that may be lost."
    )
    share = printed(100 * behind / found["gain"], ".1f")
    return [words.format(size=size, share=_("{number} %").format(number=share))]


def _agreement_sentences(agreeing: Mapping[str, bool]) -> list[str]:
    if not agreeing:
        return []
    if len(set(agreeing.values())) > 1:
        words = _("The units agree with the {percent} set, the neighbours do not.")
        if agreeing["neighbours"]:
            words = _("The neighbours agree with the {percent} set, the units do not.")
    elif all(agreeing.values()):
        words = _("The evidence agrees with the {percent} set.")
    else:
        words = _("The evidence disagrees with the {percent} set.")
    return [words.format(percent=PERCENT)]


def _class_sentences(evidence: Mapping[str, Any]) -> list[str]:
    if not evidence["class_dependent"]:
        return []
    words = _(
        "Class-dependent dimension: within a class, the widest network's codes do not vary along "
        "the same number of dimensions ({classes}). One latent serves them all, so its size is "
        "that of the class that needs most, or more where classes have dimensions of their own."
    )
    counts = (f"{name}: {count}" for name, count in evidence["classes"].items())
    return [words.format(classes=", ".join(counts))]


def linear_sentence(linear: Mapping[str, Any] | None) -> str | None:
    """That a linear model does as well, where no network reliably beats it; None otherwise.

    Nor where that finds nothing to encode.
    """
    if linear is None or linear["wins"] or linear["latent_size"] == 0:
        return None
    if linear["latent_size"] is None:
        words = _("A linear decoder does as well here, as far as was tried: at {sizes} dimensions.")
        return words.format(sizes=", ".join(str(each["latent_size"]) for each in linear["sizes"]))
    words = ngettext(
        "A linear model does as well here: principal components, {count} by the same rule.",
        "A linear model does as well here: principal components, {count} of them by the same rule.",
        linear["latent_size"],
    )
    return words.format(count=linear["latent_size"])


def losing_sentence(linear: Mapping[str, Any] | None) -> str | None:
    """Where networks are reliably behind the linear model; None where they are not."""
    if linear is None or not linear["loses"]:
        return None
    if linear["latent_size"] is None:
        words = _(
            "Networks with a linear decoder beat these at {sizes}: what is said of such sizes is "
            "about the training, not the data. Remedy: more epochs, or a lower learning_rate."
        )
        return words.format(sizes=", ".join(map(str, linear["loses"])))
    words = _(
        "Principal components of the same size beat these networks at {sizes}: what is said of "
        'such sizes is about the training, not the data. Remedy: init = "pca" with '
        "stopping_fraction = 0.1, or where it is so a lower learning_rate."
    )
    return words.format(sizes=", ".join(map(str, linear["loses"])))
