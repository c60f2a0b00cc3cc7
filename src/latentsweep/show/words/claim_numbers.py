"""The measures of the claims in words, and their numbers with units and intervals."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from latentsweep.language import _, marked, ngettext, plural_of, printed
from latentsweep.record.claim_findings import Claim, Finding

_DUST = 1e-9  # what rounding leaves of a difference that is none


class Words(NamedTuple):
    """A measure in words, how its numbers are printed, and what the data needs for it."""

    phrase: str
    style: Literal["nats", "share", "number"] = "number"
    needs: Literal["", "labels", "MNIST"] = ""


WORDS = {
    "reconstruction": Words(marked("the reconstruction error"), "nats"),
    "neg_elbo": Words(marked("the true −ELBO"), "nats"),
    "prior_coverage": Words(
        marked("the share of the data found among samples from the prior"), "share"
    ),
    "knn_accuracy": Words(
        marked("the share of examples that get their class from the nearest codes"),
        "share",
        "labels",
    ),
    "kmeans_nmi": Words(
        marked("the agreement of k-means with the classes (0 to 1)"), needs="labels"
    ),
    "silhouette": Words(marked("the silhouette of the classes (−1 to 1)"), needs="labels"),
    "path_even": Words(marked("the share of paths that decode without a jump"), "share"),
    "path_correlation": Words(
        marked(
            "the correlation of distances between codes and between what they decode to (−1 to 1)"
        )
    ),
    "grid_classes": Words(marked("the number of digits seen in the decoded plane"), needs="MNIST"),
    "midpoint_confident": Words(
        marked("the share of decoded midpoints that clearly show one class"), "share", "MNIST"
    ),
    "prior_far": Words(
        marked("the share of samples from the prior that are far from the data"), "share"
    ),
}
BASELINES = {
    "pca": marked("that of as many principal components"),
    "silhouette_null": marked("the 99th percentile of shuffled labels"),
    "pixel_midpoint_confident": marked("that of averaged images"),
}


def what(finding: Finding) -> str:
    """The measure."""
    return _(WORDS[finding.condition.measure].phrase)


def compared(finding: Finding) -> str:
    """The measure, and what it is compared with."""
    minus = finding.condition.minus
    if not minus:
        return what(finding)
    words = _("{what} minus {baseline}")
    return words.format(what=what(finding), baseline=_(BASELINES[minus]))


def step_words(finding: Finding, claim: Claim, sign: int = 1) -> dict[str, object]:
    """What a sentence about a step may say: its sizes, measure, amount, and the claim's margin."""
    return {
        "size": finding.from_size,
        "next": finding.latent_size,
        "what": what(finding),
        "amount": amount(finding, sign),
        "margin": _exact(claim.margin, finding),
    }


def amount(finding: Finding, sign: int = 1) -> str:
    """A value with its unit and interval."""
    low, high = sorted([sign * finding.low, sign * finding.high])
    value, low, high = _printed(finding, [sign * finding.value, low, high])
    words = _("{value} (95 % interval {low} to {high})")
    if finding.seeds < 2:
        words = _("{value} (one seed gives no interval)")
    return words.format(value=_with_unit(value, finding), low=low, high=high)


def of_every_seed(finding: Finding) -> str:
    """The values of the seeds, from the lowest to the highest."""
    low, high = _printed(finding, [finding.low, finding.high])
    ends = high if low == high else _("{low} to {high}").format(low=low, high=high)
    words = ngettext("{values} in the one seed", "{values} in {seeds} seeds", finding.seeds)
    return words.format(values=_with_unit(ends, finding), seeds=finding.seeds)


def of_seeds(finding: Finding) -> str:
    """In how many of the seeds a condition is met."""
    words = ngettext(
        "{met} of {seeds} seed ({share}, 95 % interval {low} to {high} %)",
        "{met} of {seeds} seeds ({share}, 95 % interval {low} to {high} %)",
        finding.seeds,
    )
    low, high = (printed(100 * end, ".0f") for end in (finding.low, finding.high))
    told = {"met": round(finding.value * finding.seeds), "share": share(finding.value)}
    return words.format(**told, seeds=finding.seeds, low=low, high=high)


def asked(finding: Finding) -> str:
    """The number that is asked for, and on which side of it."""
    words = _("at least {number}") if finding.condition.sign > 0 else _("at most {number}")
    return words.format(number=_exact(finding.condition.threshold, finding))


def share(value: float) -> str:
    """A share in per cent."""
    return _("{number} %").format(number=printed(100 * value, ".0f"))


def _exact(value: float, finding: Finding) -> str:
    """A number that was set, as short as it is."""
    number = _scale(finding) * value
    return _with_unit(printed(number, "g"), finding, single=abs(number) == 1)


def _printed(finding: Finding, values: Sequence[float]) -> list[str]:
    """Numbers with the decimals that tell the value from its interval's ends and what is asked."""
    scale = _scale(finding)
    gaps = [scale * (finding.high - finding.low) / 2, scale * abs(finding.slack)]
    finest = min([gap for gap in gaps if gap > _DUST], default=1.0)
    least = 2 if WORDS[finding.condition.measure].style == "number" else 1
    decimals = int(np.clip(np.ceil(-np.log10(finest)), least, 6))
    return [printed(round(scale * value, decimals), f".{decimals}f") for value in values]


def _with_unit(number: str, finding: Finding, *, single: bool = False) -> str:
    """A number, or a range of numbers, with its unit; `single`: it is exactly one."""
    count = 1 if single else plural_of(_scale(finding) * finding.value)
    unit = _unit(finding)
    if unit == "nats":
        return ngettext("{number} nat", "{number} nats", count).format(number=number)
    if unit == "points":
        return ngettext("{number} point", "{number} points", count).format(number=number)
    return _("{number} %").format(number=number) if unit else number


def _unit(finding: Finding) -> str:
    """Nats; points for differences of shares, per cent for shares; nothing for other numbers."""
    difference = finding.from_size is not None or finding.condition.minus is not None
    units = {"nats": "nats", "share": "points" if difference else "%", "number": ""}
    return units[WORDS[finding.condition.measure].style]


def _scale(finding: Finding) -> int:
    return 100 if WORDS[finding.condition.measure].style == "share" else 1
