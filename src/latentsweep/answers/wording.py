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
from latentsweep.language import _, headed, marked, ngettext, plural_of, printed
from latentsweep.language import listed as in_a_list


@dataclass(frozen=True)
class Measure:
    """What the sizes are compared by: its name in words, and its unit, "nats" or none."""

    name: str
    unit: str


MEASURES = {
    "elbo": Measure(marked("held-out −ELBO"), "nats"),
    "reconstruction": Measure(marked("held-out mean squared error"), ""),
    "knn": Measure(
        marked("held-out share of examples that 10 nearest neighbours vote wrong on"), ""
    ),
    "loss": Measure(marked("held-out loss"), ""),
}


@dataclass(frozen=True)
class Setting:
    """What the answer holds for: the data, the network and its training, the held-out examples.

    `data`, `architecture` and `budget` are words in the language of the moment.
    """

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
        "measure": _(setting.measure.name),
        "unit": setting.measure.unit,
        "answer": headed(in_words(found, rule, setting.measure)),
        "sentence": sentence(found, rule, setting),
        "methods": methods(found, rule, setting),
        "scope": _(SCOPE),
        "evidence": evidence_json(evidence),
        "agreement": agreement(found, evidence),
        "gradual": gradual(found) is not None,
        "evidence_sentences": evidence_sentences(found, evidence),
        "at_shares": [{"share": s, "latent_size": k} for s, k in found.at_shares.items()],
        "rows": [row._asdict() for row in found.rows],
        "cumulative": [{"latent_size": k, "p": p} for k, p in found.cumulative().items()],
        "notes": list(notes),
    }


SCOPE = marked(
    "It says nothing of another network, of longer or other training, of data from another source, "
    "or of another task: samples, classes or pictures to look at may want another size."
)


def sentence(found: Recommendation, rule: Rule, setting: Setting) -> str:
    """The answer in one or two sentences."""
    return _("For {data}, {architecture}, {budget}: {answer}").format(
        data=setting.data,
        architecture=setting.architecture,
        budget=setting.budget,
        answer=in_words(found, rule, setting.measure),
    )


def in_words(found: Recommendation, rule: Rule, measure: Measure) -> str:
    """The answer alone, without what it holds for."""
    return _WORDS[found.status](_Told(found, rule, measure))


def methods(found: Recommendation, rule: Rule, setting: Setting) -> str | None:
    """The sentence for a paper; None where there is no size to report."""
    if found.latent_size is None:
        return None
    # Translators: {measure} is such as "held-out −ELBO", {criterion} such as "is at most 0.25".
    words = _(
        "The latent size of {size} is the smallest of those compared ({tried}) whose {measure} "
        "{criterion} (one-sided 95 % bound; {percent} set of sizes: {set}), for {architecture}, "
        "{budget}, compared on {count} held-out examples of {data} (latentsweep)."
    )
    return words.format(
        size=found.latent_size,
        tried=listed(found.sizes),
        measure=_(setting.measure.name),
        criterion=_criterion(found, rule, setting.measure),
        percent=PERCENT,
        set=_set(found),
        architecture=setting.architecture,
        budget=setting.budget,
        count=printed(setting.held_out, ","),
        data=setting.data,
    )


def listed(values: Iterable[int]) -> str:
    """Numbers with their runs drawn together: "2, 4, 8 to 16 and 32"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return in_a_list(word for run in runs for word in _run(run))


def span(values: Iterable[int]) -> str:
    """The least and the greatest of some numbers: "2 to 6", or "2"."""
    known = sorted(values)
    low, high = known[0], known[-1]
    return str(low) if low == high else _("{low} to {high}").format(low=low, high=high)


def size_words(found: Recommendation, size: int) -> str:
    """A size, with those just below it that were not tried."""
    untried = found.untried_below(size)
    if not untried:
        return str(size)
    return _("{size} or fewer ({untried} not tried)").format(size=size, untried=listed(untried))


def _run(run: list[int]) -> list[str]:
    return [str(value) for value in run] if len(run) < 3 else [span(run)]


def _set(found: Recommendation) -> str:
    assert found.low is not None
    assert found.high is not None
    return span((found.low, found.high))


def _criterion(found: Recommendation, rule: Rule, measure: Measure) -> str:
    """What the measure of a size that is enough is or does."""
    if rule.target is not None:
        return _("is at most {target}").format(target=printed(rule.target, "g"))
    words = _(
        "is within {delta} of the best size's, {share} of the gain of {gain} over the smallest size"
    )
    if found.gain_is_known:
        words = _("is within {delta} of the best size's, {share} of the attainable gain of {gain}")
    return words.format(
        delta=_amount(found.delta, measure),
        share=_share(rule.share),
        gain=_amount(found.gain, measure),
    )


class _Told(NamedTuple):
    """What a sentence is made of."""

    found: Recommendation
    rule: Rule
    measure: Measure

    @property
    def words(self) -> dict[str, object]:
        """What every sentence may name: the measure, the sizes tried, the best, and delta."""
        return {
            "measure": _(self.measure.name),
            "tried": listed(self.found.sizes),
            "best": self.found.best,
            "largest": self.found.sizes[-1],
            "delta": _amount(self.found.delta, self.measure),
            "target": "" if self.rule.target is None else printed(self.rule.target, "g"),
        }

    def loss(self) -> str:
        """The best size's loss."""
        return _amount(self.found.row(self.found.best).loss, self.measure)


def _ok(told: _Told) -> str:
    found, rule, measure = told
    assert found.latent_size is not None
    chance = found.cumulative()[found.high] if found.high in found.sizes else 1.0
    # Translators: {criterion} is such as "is at most 0.25", the subject being {measure}.
    words = ngettext(
        "{size} latent dimension ({percent} set {set}); the {measure} {criterion}. "
        "P(no more than {high} needed) = {chance}.",
        "{size} latent dimensions ({percent} set {set}); the {measure} {criterion}. "
        "P(no more than {high} needed) = {chance}.",
        found.latent_size,
    )
    return words.format(
        **told.words,
        size=size_words(found, found.latent_size),
        percent=PERCENT,
        set=_set(found),
        criterion=_criterion(found, rule, measure),
        high=found.high,
        chance=printed(chance, ".2f"),
    )


def _no_plateau(told: _Told) -> str:
    words = _(
        "no plateau yet, try larger. Of {tried} all but the last are too small: {second} is "
        "{behind} behind {largest}, and {delta} would be allowed. Add {larger}."
    )
    return words.format(**told.words, **_second(told), larger=2 * told.found.sizes[-1])


def _keeps_helping(told: _Told) -> str:
    words = _(
        "every size keeps helping, up to {largest}, beyond which none was to be tried: {second} is "
        "{behind} behind {largest}, and {delta} would be allowed. The {measure} names no size here."
    )
    return words.format(**told.words, **_second(told))


def _second(told: _Told) -> dict[str, object]:
    """The second largest size, and how far it is behind the largest."""
    row = told.found.rows[-2]
    return {"second": row.latent_size, "behind": _amount(row.behind, told.measure)}


def _nothing(told: _Told) -> str:
    words = _(
        "nothing to encode. Trained so, no network is reliably better than the model without a "
        "latent: the gain is {gain}, its lower bound {low}."
    )
    found, _rule, measure = told
    return words.format(gain=_amount(found.gain, measure), low=_n(found.gain_low))


def _undecided(told: _Told) -> str:
    found = told.found
    likeliest = max(found.rows, key=lambda row: row.probability)
    words = _("undecided, {percent} set {set} (likeliest {likeliest}, P = {chance}).")
    if untried := found.untried_inside():
        words = _(
            "undecided, {percent} set {set} (likeliest {likeliest}, P = {chance}; {untried} not "
            "tried)."
        )
    head = words.format(
        percent=PERCENT,
        set=_set(found),
        likeliest=likeliest.latent_size,
        chance=printed(likeliest.probability, ".2f"),
        untried=listed(untried),
    )
    open_rows = [row for row in found.rows if row.verdict == "undecided"]
    seeds = any(row.seeds_would_decide for row in open_rows)
    noise = (_seeds_would_tell if seeds else _examples_would_tell)(len(open_rows)).format(
        **told.words, sizes=listed(row.latent_size for row in open_rows)
    )
    largest = found.best == found.sizes[-1] and not found.exhausted
    return " ".join([head, noise, *([_("Larger sizes may be better still.")] if largest else [])])


def _seeds_would_tell(sizes: int) -> str:
    return ngettext(
        "Noise hides whether {sizes} is within {delta} of the best size, {best} as it seems: more "
        "seeds would tell.",
        "Noise hides whether {sizes} are within {delta} of the best size, {best} as it seems: more "
        "seeds would tell.",
        sizes,
    )


def _examples_would_tell(sizes: int) -> str:
    return ngettext(
        "Noise hides whether {sizes} is within {delta} of the best size, {best} as it seems: more "
        "held-out examples would tell.",
        "Noise hides whether {sizes} are within {delta} of the best size, {best} as it seems: more "
        "held-out examples would tell.",
        sizes,
    )


def _no_gain(told: _Told) -> str:
    return _(
        "no gain known. The smallest size, {best}, has the lowest {measure}, and without the "
        "losses of a model without a latent nothing says what there was to gain. Add those, or "
        "smaller sizes, and check that a lower loss is a better one."
    ).format(**told.words)


def _few_seeds(told: _Told) -> str:
    words = _(
        "too few seeds. With so few trainings their noise is not known, so nothing is judged. "
        "Seen: the {measure} is lowest at size {best}, with {loss}, and {first}. Three seeds of "
        "each size would judge it."
    )
    return words.format(**told.words, loss=told.loss(), first=_first(told))


def _first(told: _Told) -> str:
    """The first size that looks enough."""
    found, rule, _measure = told
    within = [row.latent_size for row in found.rows if row.behind <= found.delta]
    words = _("size {size} is the first that is within {delta} of that")
    if rule.target is not None:
        words = _("size {size} is the first that is at most {target}")
        if not within:
            words = _("no size is at most {target}")
    return words.format(**told.words, size=within[0] if within else "")


def _one_size(told: _Told) -> str:
    words = _("one size, {size}, can't be compared with itself; train at least two more.")
    if list(told.found.sizes) == [1] and told.found.exhausted:
        words = _("size 1, there being no other to choose from: the data has one feature.")
    return words.format(size=told.found.sizes[0])


def _not_reached(told: _Told) -> str:
    words = _(
        "target not reached. No size's {measure} is reliably at most {target}: the best of {tried} "
        "is size {best}, with {loss}."
    ).format(**told.words, loss=told.loss())
    rows = told.found.rows
    if any(row.verdict == "undecided" and row.seeds_would_decide for row in rows):
        more = _("Try more seeds, larger sizes, or a larger target.")
    else:
        more = _("Try larger sizes, or a larger target.")
    return f"{words} {more}"


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
    return _("{number} %").format(number=printed(100 * share, "g"))


def _amount(value: float, measure: Measure) -> str:
    if not measure.unit:
        return _n(value)
    words = ngettext("{number} nat", "{number} nats", plural_of(value))
    return words.format(number=_n(value))


def _n(value: float) -> str:
    """A number with a digit that means something."""
    if abs(value) >= 100:
        return printed(value, ".0f")
    return printed(value, ".2f" if abs(value) < 10 and abs(value) >= 0.1 else ".3g")
