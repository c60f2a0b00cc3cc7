"""What was found of a claim, in words.

A sentence is built from the states of the comparisons and the numbers that it states, never from
what a claim is expected to do. It names the deciding comparison: the first that fails, or else the
first that is not met, or else the weakest.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from latentsweep.language import _, duration, listed, marked, ngettext, printed
from latentsweep.record.claim_findings import (
    Finding,
    Found,
    LeftOut,
    Trend,
    Unmeasured,
    outcome_of,
    weakest,
)
from latentsweep.show.words.claim_numbers import (
    WORDS,
    amount,
    asked,
    compared,
    of_every_seed,
    of_seeds,
    share,
    step_words,
)

EVALUATE = "latentsweep evaluate RUN"


def claim_in_words(claim: Mapping[str, Any]) -> dict[str, Any]:
    """A judged claim with its words; as it stands if they are all that it has."""
    if "found" not in claim:
        return dict(claim)  # of a folder of an earlier version
    declared, found, trend = outcome_of(claim["found"])
    return {
        **claim,
        "part": _(declared.part),
        "says": _(declared.says),
        "sentence": sentence(found),
        "notes": [] if trend is None else [trend_sentence(trend)],
    }


def sentence(found: Found | Unmeasured) -> str:
    """The verdict on a claim in one sentence, with its number, interval and unit."""
    if isinstance(found, Unmeasured):
        return _("Not measured: {reason}.").format(reason=_reason(found))
    return "; ".join([*_clauses(found), *_left_out(found.left_out)]) + "."


def trend_sentence(trend: Trend) -> str:
    """What Page's test says of the order of the sizes."""
    return _("Page's trend test over {seeds} seeds, in the claimed order: p = {chance}.").format(
        seeds=trend.seeds, chance=printed(trend.p, ".2g")
    )


def _reason(lack: Unmeasured) -> str:
    """What a run has not that a claim is about."""
    if lack.kind == "one size":
        words = _("this run has one latent size, {size}, and nothing to compare it with")
        return words.format(size=listed(lack.sizes))
    if lack.kind == "other sizes":
        words = _("a latent size of {asked} is asked for, and this run has {sizes}")
        return words.format(asked=_ends(lack.asked), sizes=listed(lack.sizes))
    if lack.kind == "failed":
        return _("all models of latent size {sizes} failed").format(sizes=listed(lack.sizes))
    number = lack.number
    if lack.kind == "principal components":
        number = _("{measure} of as many principal components").format(measure=lack.number)
    return _missing(lack).format(number=number, command=EVALUATE)


def _ends(sizes: Sequence[int]) -> str:
    low, *high = dict.fromkeys(sizes)
    return _("{low} to {high}").format(low=low, high=high[0]) if high else str(low)


def _missing(lack: Unmeasured) -> str:
    """How a number that is missing is to be had, its name and the command left open."""
    needs = WORDS[lack.measure].needs
    if needs == "labels":
        return _("{number} is missing; {command} measures it, if the data has labels")
    if needs == "MNIST":
        return _("{number} is missing; {command} measures it, if the data is MNIST")
    return _("{number} is missing; {command} measures it")


def _left_out(left: LeftOut) -> Iterator[str]:
    """What could not be used, each in a clause."""
    if left.failed:
        words = ngettext(
            "{count} failed model left out", "{count} failed models left out", left.failed
        )
        yield words.format(count=left.failed)
    if left.without:
        words = ngettext(
            "{count} model without this number left out ({command} adds what is missing)",
            "{count} models without this number left out ({command} adds what is missing)",
            left.without,
        )
        yield words.format(count=left.without, command=EVALUATE)
    if left.unpaired:
        yield _("seeds that some sizes lack are compared only where both sizes have them")
    if left.sizes:
        words = _("latent size {sizes} left out, without principal components")
        yield words.format(sizes=listed(left.sizes))


def _clauses(found: Found) -> list[str]:
    """The verdict itself, by the kind of the claim and whether it has seeds enough."""
    if found.seeds < found.least_seeds:
        return _few(found)
    return _improves(found) if found.claim.improves else _holds(found)


def _improves(found: Found) -> list[str]:
    """Steps that have seeds enough."""
    if found.ruling == "reproduced":
        return [_better(found, found.findings)]
    if found.ruling == "up to":
        return _better_to(found)
    if found.deciding.state == "worse":
        return [_worse(found)]
    return [_all_equal(found)] if found.ruling == "not reproduced" else _doubtful(found)


def _better(found: Found, steps: Sequence[Finding]) -> str:
    """Steps that are all better."""
    least = weakest(steps)
    words = (_ALL_BETTER if len(steps) > 1 else _ONE_BETTER)[found.claim.better]
    ends = {"low": steps[0].from_size, "high": steps[-1].latent_size}
    return _(words).format(**ends, **step_words(least, found.claim))


_ALL_BETTER = {
    "lower": marked(
        "Every step from {low} to {high} dimensions lowers {what}, the smallest (from {size} to "
        "{next}) by {amount}"
    ),
    "higher": marked(
        "Every step from {low} to {high} dimensions raises {what}, the smallest (from {size} to "
        "{next}) by {amount}"
    ),
}
_ONE_BETTER = {
    "lower": marked("The step from {low} to {high} dimensions lowers {what} by {amount}"),
    "higher": marked("The step from {low} to {high} dimensions raises {what} by {amount}"),
}


def _better_to(found: Found) -> list[str]:
    """Steps that are better up to a size, and equal beyond."""
    end = found.findings.index(found.deciding)
    others = len(found.findings) - end - 1
    words = ngettext(
        "from {size} to {next} the gain is {amount}, within the margin of ±{margin}, and so is "
        "that of the {count} step after it",
        "from {size} to {next} the gain is {amount}, within the margin of ±{margin}, and so is "
        "that of the {count} steps after it",
        others,
    )
    if not others:
        words = _("from {size} to {next} the gain is {amount}, within the margin of ±{margin}")
    told = step_words(found.deciding, found.claim)
    return [_better(found, found.findings[:end]), words.format(**told, count=others)]


def _worse(found: Found) -> str:
    """A step that is surely worse."""
    words = _(_WORSE[found.claim.better])
    return words.format(**step_words(found.deciding, found.claim, sign=-1))


_WORSE = {
    "lower": marked(
        "From {size} to {next} dimensions {what} rises by {amount}, more than the margin of "
        "{margin}"
    ),
    "higher": marked(
        "From {size} to {next} dimensions {what} falls by {amount}, more than the margin of "
        "{margin}"
    ),
}


def _all_equal(found: Found) -> str:
    """Steps of which none is better and all are equal."""
    words = _(_ALL_EQUAL[found.claim.better])
    return words.format(**step_words(found.deciding, found.claim))


_ALL_EQUAL = {
    "lower": marked(
        "No step surely lowers {what}, and every gain is within the margin of ±{margin}: from "
        "{size} to {next} dimensions it is {amount}"
    ),
    "higher": marked(
        "No step surely raises {what}, and every gain is within the margin of ±{margin}: from "
        "{size} to {next} dimensions it is {amount}"
    ),
}


def _doubtful(found: Found) -> list[str]:
    """Steps of which some settle nothing."""
    surely = _surely_lower if found.claim.better == "lower" else _surely_higher
    total = len(found.findings)
    why = _unclear(found.deciding, several=total > 1)
    told = step_words(found.deciding, found.claim)
    told |= {"total": total, "count": sum(each.state == "better" for each in found.findings)}
    return [surely(total).format(**told), why.format(**told)]


def _surely_lower(steps: int) -> str:
    return ngettext(
        "No clear answer: {what} is surely lower after {count} of {total} step",
        "No clear answer: {what} is surely lower after {count} of {total} steps",
        steps,
    )


def _surely_higher(steps: int) -> str:
    return ngettext(
        "No clear answer: {what} is surely higher after {count} of {total} step",
        "No clear answer: {what} is surely higher after {count} of {total} steps",
        steps,
    )


def _unclear(step: Finding, *, several: bool) -> str:
    """Why a step settles nothing, its numbers left open."""
    if step.state == "equal":
        return _(
            "from {size} to {next} dimensions the gain is {amount}, within the margin of ±{margin}"
        )
    if several:
        return _(
            "from {size} to {next} dimensions the gain is {amount}, not sure enough where {total} "
            "are asked at once"
        )
    return _("from {size} to {next} dimensions the gain is {amount}, not sure enough")


def _holds(found: Found) -> list[str]:
    """Conditions that have seeds enough."""
    findings, here = found.findings, _at(found.deciding)
    met = sum(finding.state == "holds" for finding in findings)
    words = (_HOLD if len(findings) > 1 else _HOLDS)[found.ruling]
    sizes = listed(dict.fromkeys(finding.latent_size for finding in findings))
    told = {"met": met, "total": len(findings), "sizes": sizes, "up_to": found.up_to}
    return [_(clause).format(here=here, **told) for clause in words]


# Clauses about several comparisons, and about one alone; what holds up to a size has several.
_HOLD = {
    "reproduced": (marked("It holds at latent size {sizes}; the weakest: {here}"),),
    "up to": (marked("It holds up to latent size {up_to} and fails at every larger one: {here}"),),
    "not reproduced": (
        marked("It fails: {here}"),
        marked("{met} of {total} comparisons hold"),
    ),
    "inconclusive": (
        marked("No clear answer: {here}"),
        marked(
            "that is not sure enough where {total} are asked at once, and {met} of {total} "
            "comparisons hold"
        ),
    ),
}
_HOLDS = {
    "reproduced": (marked("It holds: {here}"),),
    "not reproduced": (marked("It fails: {here}"),),
    "inconclusive": (marked("No clear answer: {here}"), marked("that is not sure enough")),
}


def _few(found: Found) -> list[str]:
    """What was seen with too few seeds, and what the lacking ones cost."""
    seen, *more = _seen(found)
    words = _("Too few seeds to tell (none where {needed} are needed): {seen}")
    if found.seeds:
        words = _("Too few seeds to tell ({seeds} where {needed} are needed): {seen}")
    start = words.format(seeds=found.seeds, needed=found.least_seeds, seen=seen)
    lacking = [_needed(found)] if found.lacking else []
    return [start, *more, *lacking]


def _seen(found: Found) -> list[str]:
    """On which side the comparisons are so far."""
    slacks = [finding.slack for finding in found.findings if not np.isnan(finding.slack)]
    least, total = found.deciding, len(slacks)
    if not slacks:
        return [_("nothing can be compared yet")]
    if not found.claim.improves:
        met = sum(slack >= 0 for slack in slacks)
        weakest_words = _("the weakest: {here}").format(here=_at(least))
        return [_as_claimed(total).format(count=met, total=total), weakest_words]
    better = sum(slack > 0 for slack in slacks)
    words = (_lower_so_far if found.claim.better == "lower" else _higher_so_far)(total)
    gain = _("the smallest gain, from {size} to {next} dimensions, is {amount}")
    told = step_words(least, found.claim)
    return [words.format(**told, count=better, total=total), gain.format(**told)]


def _as_claimed(comparisons: int) -> str:
    return ngettext(
        "so far as claimed in {count} of {total} comparison",
        "so far as claimed in {count} of {total} comparisons",
        comparisons,
    )


def _lower_so_far(steps: int) -> str:
    return ngettext(
        "so far {what} is lower after {count} of {total} step",
        "so far {what} is lower after {count} of {total} steps",
        steps,
    )


def _higher_so_far(steps: int) -> str:
    return ngettext(
        "so far {what} is higher after {count} of {total} step",
        "so far {what} is higher after {count} of {total} steps",
        steps,
    )


def _needed(found: Found) -> str:
    """How many more seeds are needed, with how long they take where that is known."""
    count, seconds = found.lacking, found.lacking_seconds
    if not np.isfinite(seconds):
        words = ngettext("{count} more seed is needed", "{count} more seeds are needed", count)
        return words.format(count=count)
    words = ngettext(
        "{count} more seed is needed and takes {time} here",
        "{count} more seeds are needed and take {time} here",
        count,
    )
    return words.format(count=count, time=duration(seconds))


def _at(finding: Finding) -> str:
    """What was seen of a condition at its size, and what is asked."""
    size, condition = finding.latent_size, finding.condition
    told = {"size": size, "what": compared(finding), "asked": asked(finding)}
    if condition.of_seeds is not None:
        words = ngettext(
            "at {size} dimension {what} is {asked} in {seeds}, and the claim asks for {share} of "
            "the seeds",
            "at {size} dimensions {what} is {asked} in {seeds}, and the claim asks for {share} of "
            "the seeds",
            size,
        )
        return words.format(**told, seeds=of_seeds(finding), share=share(condition.of_seeds))
    if condition.judged == "every-seed":
        words = ngettext(
            "at {size} dimension {what} is {range}, and the claim asks every seed for {asked}",
            "at {size} dimensions {what} is {range}, and the claim asks every seed for {asked}",
            size,
        )
        return words.format(**told, range=of_every_seed(finding))
    words = ngettext(
        "at {size} dimension {what} is {amount}, and the claim asks for {asked}",
        "at {size} dimensions {what} is {amount}, and the claim asks for {asked}",
        size,
    )
    return words.format(**told, amount=amount(finding))
