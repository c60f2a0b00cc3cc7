"""What a claim asks, and what was found of it, as `found` of a claim in answers.json has it."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BeforeValidator, TypeAdapter

Known = Annotated[float, BeforeValidator(lambda x: math.nan if x is None else x)]
State = Literal["better", "equal", "worse", "holds", "fails", "unclear"]
Ruling = Literal["reproduced", "up to", "not reproduced", "inconclusive"]


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
    value: Known
    low: Known
    high: Known
    p: Known
    state: State
    seeds: int
    trained: int

    @property
    def slack(self) -> float:
        """How far the value is on the good side."""
        if self.condition.of_seeds is not None:
            return self.value - self.condition.of_seeds
        return self.condition.sign * (self.value - self.condition.threshold)

    def within(self, margin: float) -> bool:
        """Whether the interval lies within +- margin."""
        return -margin <= self.low and self.high <= margin


class LeftOut(NamedTuple):
    """What could not be used of a run: models, the pairing of seeds, and latent sizes.

    `failed` models; models `without` the number that a condition is about; `unpaired`, whether some
    sizes have seeds that others lack; the `sizes` that no principal components are known of.
    """

    failed: int = 0
    without: int = 0
    unpaired: bool = False
    sizes: tuple[int, ...] = ()


class Trend(NamedTuple):
    """Page's test of the order of the sizes: its p, over so many seeds."""

    seeds: int
    p: float


class Unmeasured(NamedTuple):
    """Why a claim can't be judged: what the run has not.

    `sizes` are those it has ("one size", "other sizes") or that failed; `asked` the ends of those
    that a condition is about; `number` is what is missing, `measure` what it is missing for.
    """

    kind: Literal["one size", "other sizes", "failed", "number", "principal components"]
    sizes: tuple[int, ...] = ()
    asked: tuple[int, ...] = ()
    number: str = ""
    measure: str = ""


@dataclass(frozen=True)
class Found:
    """All that the sentence about a claim is built from."""

    claim: Claim
    ruling: Ruling
    up_to: int | None
    findings: tuple[Finding, ...]
    deciding: Finding
    left_out: LeftOut
    least_seeds: int
    seconds_per_seed: Known

    @property
    def seeds(self) -> int:
        """How many seeds every comparison has."""
        return min(finding.seeds for finding in self.findings)

    @property
    def lacking(self) -> int:
        """How many more seeds have to be trained."""
        return max(0, self.least_seeds - min(finding.trained for finding in self.findings))

    @property
    def lacking_seconds(self) -> float:
        """How long those take; NaN where nobody knows."""
        return self.lacking * self.seconds_per_seed


def weakest(findings: Sequence[Finding]) -> Finding:
    """The comparison that is least on the good side; one without a value only if all are."""
    return min(findings, key=lambda finding: (bool(np.isnan(finding.slack)), finding.slack))


class Outcome(NamedTuple):
    """A claim with what was found of it, and Page's test beside it."""

    declared: Claim
    found: Found | Unmeasured
    trend: Trend | None = None


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome in plain JSON types, None for NaN."""
    found = outcome.found
    judged = None if isinstance(found, Unmeasured) else dataclasses.asdict(found)
    lacking = found._asdict() if isinstance(found, Unmeasured) else None
    trend = None if outcome.trend is None else outcome.trend._asdict()
    return plain(
        {
            "declared": dataclasses.asdict(outcome.declared),
            "judged": judged,
            "unmeasured": lacking,
            "trend": trend,
        }
    )


def outcome_of(content: Mapping[str, Any]) -> Outcome:
    """The outcome that such JSON is of; a ValueError where it is of none."""
    kinds = {"declared": Claim, "judged": Found, "unmeasured": Unmeasured, "trend": Trend}
    known = {
        name: TypeAdapter(kind).validate_python(content[name])
        for name, kind in kinds.items()
        if content[name] is not None
    }
    found = known["judged"] if "judged" in known else known["unmeasured"]
    return Outcome(known["declared"], found, known.get("trend"))


def plain(value: Any) -> Any:
    """Values in plain JSON types: lists, and None for NaN."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
