"""The recommendation in words, and as the JSON that a run folder keeps.

A sentence names no size that was not tried, and never a size without what it was compared with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from latentsweep.answers.evidence import (
    PERCENT,
    Evidence,
    agreement,
    evidence_json,
    evidence_sentences,
    gradual,
)
from latentsweep.answers.recommendation import CONFIDENCE, Recommendation, Rule, Status
from latentsweep.answers.search import width


@dataclass(frozen=True)
class Measure:
    """What the sizes are compared by: its name in words, and its unit."""

    name: str
    unit: str


MEASURES = {
    "elbo": Measure("held-out −ELBO", "nats"),
    "reconstruction": Measure("held-out mean squared error", ""),
    "knn": Measure("held-out share of examples that 10 nearest neighbours vote wrong on", ""),
    "loss": Measure("held-out loss", ""),
}


@dataclass(frozen=True)
class Setting:
    """What the answer holds for: the data, the network and its training, the held-out examples."""

    data: str
    architecture: str
    budget: str
    held_out: int
    measure: Measure


def as_json(
    found: Recommendation, rule: Rule, setting: Setting, evidence: Evidence, notes: Iterable[str]
) -> dict[str, Any]:
    """The content of `recommendation` in answers.json (docs/formats.md)."""
    return {
        "status": found.status,
        "latent_size": found.latent_size,
        "set": None if found.low is None else [found.low, found.high],
        "width": width(found),
        "confidence": CONFIDENCE,
        "delta": found.delta,
        "share": None if rule.target is not None else rule.share,
        "target": rule.target,
        "gain": found.gain,
        "gain_low": found.gain_low,
        "gain_is_known": found.gain_is_known,
        "best": found.best,
        "data": setting.data,
        "architecture": setting.architecture,
        "budget": setting.budget,
        "measure": setting.measure.name,
        "unit": setting.measure.unit,
        "sentence": sentence(found, rule, setting),
        "methods": methods(found, rule, setting),
        "scope": SCOPE,
        "evidence": evidence_json(evidence),
        "agreement": agreement(found, evidence),
        "gradual": gradual(found) is not None,
        "evidence_sentences": evidence_sentences(found, evidence),
        "at_shares": [{"share": s, "latent_size": k} for s, k in found.at_shares.items()],
        "rows": [row._asdict() for row in found.rows],
        "cumulative": [{"latent_size": k, "p": p} for k, p in found.cumulative().items()],
        "notes": list(notes),
    }


SCOPE = (
    "It says nothing of another network, of longer or other training, of data from another source, "
    "or of another task: samples, classes or pictures to look at may want another size."
)


def sentence(found: Recommendation, rule: Rule, setting: Setting) -> str:
    """The answer in one or two sentences."""
    head = f"For {setting.data}, {setting.architecture}, {setting.budget}: "
    return head + _WORDS[found.status](_Told(found, rule, setting.measure))


def methods(found: Recommendation, rule: Rule, setting: Setting) -> str | None:
    """The sentence for a paper; None where there is no size to report."""
    if found.latent_size is None:
        return None
    tried = listed(found.sizes)
    return (
        f"The latent size of {found.latent_size} is the smallest of those compared ({tried}) "
        f"whose {setting.measure.name} {_criterion(found, rule, setting.measure)} (one-sided "
        f"95 % bound; {PERCENT} set of sizes: {_set(found)}), for {setting.architecture}, "
        f"{setting.budget}, compared on {setting.held_out:,} held-out "
        f"examples of {setting.data} (latentsweep)."
    )


def listed(values: Iterable[int]) -> str:
    """Numbers with their runs drawn together: "2, 4, 8 to 16 and 32"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    words = [w for run in runs for w in _run(run)]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def span(values: Iterable[int]) -> str:
    """The least and the greatest of some numbers: "2 to 6", or "2"."""
    known = sorted(set(values))
    return str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"


def size_words(found: Recommendation, size: int) -> str:
    """A size, with those just below it that were not tried."""
    untried = found.untried_below(size)
    return f"{size} or fewer ({listed(untried)} not tried)" if untried else str(size)


def _run(run: list[int]) -> list[str]:
    return [str(value) for value in run] if len(run) < 3 else [f"{run[0]} to {run[-1]}"]


def _set(found: Recommendation) -> str:
    assert found.low is not None
    assert found.high is not None
    return span((found.low, found.high))


def _criterion(found: Recommendation, rule: Rule, measure: Measure) -> str:
    if rule.target is not None:
        return f"is at most {rule.target:g}"
    gain = _amount(found.gain, measure)
    if found.gain_is_known:
        what = f"attainable gain of {gain}"
    else:
        what = f"gain of {gain} over the smallest size"
    return (
        f"is within {_amount(found.delta, measure)} of the best size's, "
        f"{_share(rule.share)} of the {what}"
    )


class _Told(NamedTuple):
    """What a sentence is made of."""

    found: Recommendation
    rule: Rule
    measure: Measure


def _ok(told: _Told) -> str:
    found, rule, measure = told
    assert found.latent_size is not None
    chance = found.cumulative()[found.high] if found.high in found.sizes else 1.0
    plural = "" if found.latent_size == 1 else "s"
    return (
        f"{size_words(found, found.latent_size)} latent dimension{plural} ({PERCENT} set "
        f"{_set(found)}); the {measure.name} {_criterion(found, rule, measure)}. "
        f"P(no more than {found.high} needed) = {chance:.2f}."
    )


def _no_plateau(told: _Told) -> str:
    found, _, measure = told
    largest = found.sizes[-1]
    return (
        f"no plateau yet, try larger. Of {listed(found.sizes)} all but the last are too small: "
        f"{_second(found, measure)}. Add {2 * largest}."
    )


def _keeps_helping(told: _Told) -> str:
    found, _, measure = told
    return (
        f"every size keeps helping, up to {found.sizes[-1]}, beyond which none was to be tried: "
        f"{_second(found, measure)}. The {measure.name} names no size here."
    )


def _nothing(told: _Told) -> str:
    found, _, measure = told
    return (
        "nothing to encode. Trained so, no network is reliably better than the model without a "
        "latent: the "
        f"gain is {_amount(found.gain, measure)}, its lower bound {_n(found.gain_low)}."
    )


def _undecided(told: _Told) -> str:
    found, _, measure = told
    open_rows = [row for row in found.rows if row.verdict == "undecided"]
    sizes = listed(row.latent_size for row in open_rows)
    likeliest = max(found.rows, key=lambda row: row.probability)
    mended = any(row.seeds_would_decide for row in open_rows)
    largest = " Larger sizes may be better still." if found.best == found.sizes[-1] else ""
    return (
        f"undecided, {PERCENT} set {_set(found)} (likeliest {likeliest.latent_size}, "
        f"P = {likeliest.probability:.2f}). Noise hides whether {sizes} "
        f"{'is' if len(open_rows) == 1 else 'are'} within {_amount(found.delta, measure)} of the "
        f"best size, {found.best} as it seems: more "
        f"{'seeds' if mended else 'held-out examples'} would tell.{largest}"
    )


def _no_gain(told: _Told) -> str:
    found, measure = told.found, told.measure
    return (
        f"no gain known. The smallest size, {found.best}, has the lowest {measure.name}, and "
        "without the losses of a model without a latent nothing says what there was to gain. Add "
        "those, or smaller sizes, and check that a lower loss is a better one."
    )


def _few_seeds(told: _Told) -> str:
    found, rule, measure = told
    near = f"within {_amount(found.delta, measure)} of that"
    if rule.target is not None:
        near = f"at most {rule.target:g}"
    within = [row.latent_size for row in found.rows if row.behind <= found.delta]
    first = f"size {within[0]} is the first that is {near}" if within else f"no size is {near}"
    return (
        "too few seeds. With so few trainings their noise is not known, so nothing is judged. "
        f"Seen: the {measure.name} is lowest at size {found.best}, with "
        f"{_amount(found.row(found.best).loss, measure)}, and {first}. Three seeds of each size "
        "would judge it."
    )


def _one_size(told: _Told) -> str:
    found = told.found
    return f"one size, {found.sizes[0]}, can't be compared with itself; train at least two more."


def _not_reached(told: _Told) -> str:
    found, rule, measure = told
    mended = any(r.verdict == "undecided" and r.seeds_would_decide for r in found.rows)
    return (
        f"target not reached. No size's {measure.name} is reliably at most {rule.target:g}: the "
        f"best of {listed(found.sizes)} is size {found.best}, with "
        f"{_amount(found.row(found.best).loss, measure)}. Try "
        f"{'more seeds, ' if mended else ''}larger sizes, or a larger target."
    )


def _second(found: Recommendation, measure: Measure) -> str:
    """How far the second largest size is behind the largest."""
    row = found.rows[-2]
    return (
        f"{row.latent_size} is {_amount(row.behind, measure)} behind {found.sizes[-1]}, and "
        f"{_amount(found.delta, measure)} would be allowed"
    )


_WORDS: dict[Status, Callable[[_Told], str]] = {
    "ok": _ok,
    "no plateau yet": _no_plateau,
    "every size keeps helping": _keeps_helping,
    "nothing to encode": _nothing,
    "undecided": _undecided,
    "no gain known": _no_gain,
    "too few seeds": _few_seeds,
    "one size": _one_size,
    "target not reached": _not_reached,
}


def _share(share: float) -> str:
    return f"{100 * share:g} %"


def _amount(value: float, measure: Measure) -> str:
    return f"{_n(value)} {measure.unit}".rstrip()


def _n(value: float) -> str:
    """A number with a digit that means something."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 10 and abs(value) >= 0.1 else f"{value:.3g}"
