"""What a claim asks, what was found of it, and both in words.

A sentence is built from the states of the comparisons and the numbers that it states, never from
what a claim is expected to do. It names the deciding comparison: the first that fails, or else the
first that is not met, or else the weakest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

State = Literal["better", "equal", "worse", "holds", "fails", "unclear"]
_DUST = 1e-9  # what rounding leaves of a difference that is none


@dataclass(frozen=True)
class Condition:
    """What a measure, less what `minus` names, has to be at every latent size from a to b."""

    measure: str
    judged: Literal["interval", "every-seed", "share"]
    minus: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    sizes: tuple[int, int] | None = None
    of_seeds: float | None = None

    def __post_init__(self) -> None:
        assert self.judged in ("interval", "every-seed", "share"), self.judged
        assert (self.at_least is None) != (self.at_most is None), "one of at_least and at_most"
        assert (self.of_seeds is None) == (self.judged != "share"), "of_seeds belongs to share"

    @property
    def threshold(self) -> float:
        """The number that is asked for."""
        return next(x for x in (self.at_least, self.at_most) if x is not None)

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.at_most is None else -1

    def concerns(self, size: int) -> bool:
        """Whether it is asked at a latent size."""
        return self.sizes is None or self.sizes[0] <= size <= self.sizes[1]


@dataclass(frozen=True)
class Claim:
    """One claim of the report: a measure that improves from size to size, or conditions that hold.

    What is asked of a measure that improves is that the improvement be at least 0.
    """

    name: str
    part: str
    says: str
    kind: Literal["improves", "holds"]
    unit: str
    measure: str = ""
    better: Literal["lower", "higher", ""] = ""
    margin: float = 0.0
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        assert self.kind in ("improves", "holds"), self.kind
        assert self.better in (("lower", "higher") if self.improves else ("",)), self.better
        assert bool(self.measure) == (self.margin > 0) == self.improves, self.name
        assert bool(self.conditions) != self.improves, self.name

    @property
    def improves(self) -> bool:
        """Whether the claim is one about steps from size to size."""
        return self.kind == "improves"

    @property
    def asked(self) -> tuple[Condition, ...]:
        """What is asked at every size, or of every step."""
        step = Condition(self.measure, "interval", at_least=0.0)
        return (step,) if self.improves else self.conditions


@dataclass(frozen=True)
class Finding:
    """One comparison: a step, or a condition at one size (`from_size` is None).

    `low` and `high` are the 95 % interval; for every-seed the lowest and the highest seed, `value`
    being the worse of them; for share Wilson's. `p` is adjusted and belongs to the state: small
    where worse or failing is sure, else where better or holding is. `seeds` were compared, of
    `trained` that have networks of the sizes.
    """

    condition: Condition
    from_size: int | None
    latent_size: int
    value: float
    low: float
    high: float
    p: float
    state: State
    seeds: int
    trained: int

    @property
    def words(self) -> "Words":
        """The measure in words."""
        return WORDS[self.condition.measure]

    @property
    def slack(self) -> float:
        """How far the value is on the good side."""
        if self.condition.of_seeds is not None:
            return self.value - self.condition.of_seeds
        return self.condition.sign * (self.value - self.condition.threshold)

    def within(self, margin: float) -> bool:
        """Whether the interval lies within +- margin."""
        return -margin <= self.low and self.high <= margin


@dataclass(frozen=True)
class Found:
    """All that the sentence about a claim is built from; `left_out`: its clauses on what was."""

    claim: Claim
    ruling: str
    up_to: int | None
    findings: tuple[Finding, ...]
    deciding: Finding
    left_out: tuple[str, ...]
    least_seeds: int
    seconds_per_seed: float

    @property
    def seeds(self) -> int:
        """How many seeds every comparison has."""
        return min(finding.seeds for finding in self.findings)

    @property
    def lacking(self) -> int:
        """How many more seeds have to be trained."""
        return max(0, self.least_seeds - min(finding.trained for finding in self.findings))


class Words(NamedTuple):
    """A measure in words, how its numbers are printed, and what the data needs for it."""

    phrase: str
    style: Literal["nats", "share", "number"] = "number"
    needs: Literal["", "has labels", "is MNIST"] = ""


WORDS = {
    "reconstruction": Words("the reconstruction error", "nats"),
    "neg_elbo": Words("the true −ELBO", "nats"),
    "prior_coverage": Words("the share of the data found among samples from the prior", "share"),
    "knn_accuracy": Words(
        "the share of examples that get their class from the nearest codes", "share", "has labels"
    ),
    "kmeans_nmi": Words("the agreement of k-means with the classes (0 to 1)", needs="has labels"),
    "silhouette": Words("the silhouette of the classes (−1 to 1)", needs="has labels"),
    "path_even": Words("the share of paths that decode without a jump", "share"),
    "path_correlation": Words(
        "the correlation of distances between codes and between what they decode to (−1 to 1)"
    ),
    "grid_classes": Words("the number of digits seen in the decoded plane", needs="is MNIST"),
    "midpoint_confident": Words(
        "the share of decoded midpoints that clearly show one class", "share", "is MNIST"
    ),
    "prior_far": Words("the share of samples from the prior that are far from the data", "share"),
}
BASELINES = {
    "pca": "that of as many principal components",
    "silhouette_null": "the 99th percentile of shuffled labels",
    "pixel_midpoint_confident": "that of averaged images",
}


def sentence(found: Found) -> str:
    """The verdict on a claim in one sentence, with its number, interval and unit."""
    words = _improves if found.claim.improves else _holds
    few = found.seeds < found.least_seeds
    return "; ".join([_few(found) if few else words(found), *found.left_out]) + "."


def listed(words: Iterable[object]) -> str:
    """Words as an English list: "2, 4 and 8"; "" for none."""
    *others, last = [str(word) for word in words] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 seed", "2 seeds"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float) -> str:
    """A time in words: "about 25 min"."""
    for unit, length, least in (("days", 86400, 172_800), ("h", 3600, 7200), ("min", 60, 100)):
        if seconds >= least:
            return f"about {seconds / length:.0f} {unit}"
    return f"about {max(seconds, 1):.0f} s"


def weakest(findings: Sequence[Finding]) -> Finding:
    """The comparison that is least on the good side; one without a value only if all are."""
    return min(findings, key=lambda finding: (bool(np.isnan(finding.slack)), finding.slack))


def _improves(found: Found) -> str:
    """Steps that have seeds enough."""
    if found.ruling == "reproduced":
        return _better(found.claim, found.findings)
    if found.ruling == "up to":
        return _better_to(found)
    return _worse(found) if found.deciding.state == "worse" else _doubtful(found)


def _better(claim: Claim, steps: Sequence[Finding]) -> str:
    """Steps that are all better."""
    least, low, high = weakest(steps), steps[0].from_size, steps[-1].latent_size
    which, smallest = ("Every", f", the smallest ({_step(least)})") if steps[1:] else ("The", "")
    verb = f"{_lowers(claim)} {least.words.phrase}{smallest}"
    return f"{which} step from {low} to {high} dimensions {verb} by {_amount(least)}"


def _better_to(found: Found) -> str:
    """Steps that are better up to a size, and equal beyond."""
    end = found.findings.index(found.deciding)
    others = len(found.findings) - end - 1
    more = f", and so is that of the {counted(others, 'step')} after it" if others else ""
    return (
        f"{_better(found.claim, found.findings[:end])}; {_step(found.deciding)} the gain is "
        f"{_amount(found.deciding)}, within the margin of ±{_margin(found)}{more}"
    )


def _worse(found: Found) -> str:
    """A step that is surely worse."""
    step, rises = found.deciding, "rises" if found.claim.better == "lower" else "falls"
    return (
        f"From {step.from_size} to {step.latent_size} dimensions {step.words.phrase} {rises} by "
        f"{_amount(step, sign=-1)}, more than the margin of {_margin(found)}"
    )


def _doubtful(found: Found) -> str:
    """Steps of which none is better and all are equal, or of which some settle nothing."""
    steps, step, phrase = found.findings, found.deciding, found.deciding.words.phrase
    within = f"within the margin of ±{_margin(found)}"
    if found.ruling == "not reproduced":
        verb = f"No step surely {_lowers(found.claim)} {phrase}, and every gain is {within}"
        return f"{verb}: {_step(step)} dimensions it is {_amount(step)}"
    gain = f"{_step(step)} dimensions the gain is {_amount(step)}"
    why = within if step.state == "equal" else _not_sure(steps)
    count = f"{sum(each.state == 'better' for each in steps)} of {counted(len(steps), 'step')}"
    return f"No clear answer: {phrase} is surely {found.claim.better} after {count}; {gain}, {why}"


def _holds(found: Found) -> str:
    """Conditions that have seeds enough."""
    findings, here = found.findings, _at(found.deciding)
    several, met = len(findings) > 1, sum(finding.state == "holds" for finding in findings)
    count = f"{met} of {len(findings)} comparisons hold"
    sizes = listed(dict.fromkeys(finding.latent_size for finding in findings))
    if found.ruling == "reproduced":
        return f"It holds{f' at latent size {sizes}; the weakest' if several else ''}: {here}"
    if found.ruling == "up to":
        return f"It holds up to latent size {found.up_to} and fails at every larger one: {here}"
    if found.ruling == "not reproduced":
        return f"It fails: {here}{several * f'; {count}'}"
    return f"No clear answer: {here}; that is {_not_sure(findings)}{several * f', and {count}'}"


def _not_sure(findings: Sequence[Finding]) -> str:
    several = f" where {len(findings)} are asked at once" if len(findings) > 1 else ""
    return f"not sure enough{several}"


def _few(found: Found) -> str:
    """What was seen with too few seeds, and what the lacking ones cost."""
    there = found.seeds or "none"
    start = f"Too few seeds to tell ({there} where {found.least_seeds} are needed)"
    return "; ".join([f"{start}: {_seen(found)}", *_lacking(found)])


def _seen(found: Found) -> str:
    """On which side the comparisons are so far."""
    slacks = [finding.slack for finding in found.findings if not np.isnan(finding.slack)]
    least = found.deciding
    if not slacks:
        return "nothing can be compared yet"
    if not found.claim.improves:
        met = f"{sum(slack >= 0 for slack in slacks)} of {counted(len(slacks), 'comparison')}"
        return f"so far as claimed in {met}; the weakest: {_at(least)}"
    better = f"{sum(slack > 0 for slack in slacks)} of {counted(len(slacks), 'step')}"
    gain = f"the smallest gain, {_step(least)} dimensions, is {_amount(least)}"
    return f"so far {least.words.phrase} is {found.claim.better} after {better}; {gain}"


def _lacking(found: Found) -> list[str]:
    """How many more seeds are needed, and how long they take."""
    if not found.lacking:
        return []
    seconds, one = found.lacking * found.seconds_per_seed, found.lacking == 1
    time = f" and {'takes' if one else 'take'} {duration(seconds)} here"
    needed = f"{counted(found.lacking, 'more seed')} {'is' if one else 'are'} needed"
    return [needed + (time if np.isfinite(seconds) else "")]


def _at(finding: Finding) -> str:
    """What was seen of a condition at its size, and what is asked."""
    condition, side = finding.condition, "least" if finding.condition.sign > 0 else "most"
    minus = condition.minus and f" minus {BASELINES.get(condition.minus, condition.minus)}"
    here = f"at {counted(finding.latent_size, 'dimension')} {finding.words.phrase}"
    what = f"{here}{minus or ''} is"
    asked = f"at {side} {_exact(condition.threshold, finding)}"
    if condition.of_seeds is not None:
        share = f"{100 * condition.of_seeds:.0f} % of the seeds"
        return f"{what} {asked} in {_of_seeds(finding)}, and the claim asks for {share}"
    if condition.judged == "every-seed":
        return f"{what} {_range(finding)}, and the claim asks every seed for {asked}"
    return f"{what} {_amount(finding)}, and the claim asks for {asked}"


def _amount(finding: Finding, sign: int = 1) -> str:
    """A value with its unit and interval."""
    low, high = sorted([sign * finding.low, sign * finding.high])
    value, low, high = _printed(finding, [sign * finding.value, low, high])
    interval = (
        "one seed gives no interval" if finding.seeds < 2 else f"95 % interval {low} to {high}"
    )
    return f"{_with(value, _unit(finding))} ({interval})"


def _range(finding: Finding) -> str:
    """The values of the seeds, from the lowest to the highest."""
    low, high = _printed(finding, [finding.low, finding.high])
    ends = high if low == high else f"{low} to {high}"
    seeds = "the one seed" if finding.seeds == 1 else f"{finding.seeds} seeds"
    return f"{_with(ends, _unit(finding))} in {seeds}"


def _of_seeds(finding: Finding) -> str:
    """In how many of the seeds a condition is met."""
    met, low, high = round(finding.value * finding.seeds), 100 * finding.low, 100 * finding.high
    share = f"{100 * finding.value:.0f} %, 95 % interval {low:.0f} to {high:.0f} %"
    return f"{met} of {counted(finding.seeds, 'seed')} ({share})"


def _unit(finding: Finding) -> str:
    """Nats; points for differences of shares, per cent for shares; nothing for other numbers."""
    difference = finding.from_size is not None or finding.condition.minus is not None
    units = {"nats": "nats", "share": "points" if difference else "%", "number": ""}
    return units[finding.words.style]


def _printed(finding: Finding, values: Sequence[float]) -> list[str]:
    """Numbers with the decimals that tell the value from its interval's ends and what is asked."""
    scale = _scale(finding)
    gaps = [scale * (finding.high - finding.low) / 2, scale * abs(finding.slack)]
    finest = min([gap for gap in gaps if gap > _DUST], default=1.0)
    least = 2 if finding.words.style == "number" else 1
    decimals = int(np.clip(np.ceil(-np.log10(finest)), least, 6))
    rounded = [round(scale * value, decimals) + 0.0 for value in values]
    return [f"{value:.{decimals}f}".replace("-", "−") for value in rounded]


def _exact(value: float, finding: Finding) -> str:
    """A number that was set, as short as it is."""
    number, unit = _scale(finding) * value, _unit(finding)
    singular = unit.removesuffix("s") if abs(number) == 1 else unit
    return _with(f"{number + 0.0:g}".replace("-", "−"), singular)


def _scale(finding: Finding) -> int:
    return 100 if finding.words.style == "share" else 1


def _with(number: str, unit: str) -> str:
    return f"{number} {unit}".strip()


def _margin(found: Found) -> str:
    return _exact(found.claim.margin, found.deciding)


def _step(finding: Finding) -> str:
    return f"from {finding.from_size} to {finding.latent_size}"


def _lowers(claim: Claim) -> str:
    return "lowers" if claim.better == "lower" else "raises"
