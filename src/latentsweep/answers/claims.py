"""The report's claims, each judged by the criteria of claims.toml for each objective by itself.

A claim is made of comparisons. *Improves*: one for each step from a size a to the next, b, of
loss(a) - loss(b), seed by seed and example by example, so a seed counts where both sizes have it;
where more is better the sign is turned. *Holds*: one for each size and condition, of a measure less
what it has to exceed. With p-values adjusted after Holm within the claim, at one level,

    better    p(mean <= 0) is small                  holds   p(mean <= at_least) is small
    worse     p(mean >= -margin) is small            fails   p(mean >= at_least) is small
    equal     the 95 % interval lies within +-margin

and unclear otherwise; claims.toml says what verdict they make. What is judged seed by seed, or by a
share of the seeds, holds where the number is at least (at most) the one that is asked.

References:
    Holm (1979), A simple sequentially rejective multiple test procedure.
    Page (1963), Ordered hypotheses for multiple treatments, J. Am. Stat. Assoc. 58:216.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import page_trend_test

from latentsweep.answers.claim_verdict import Verdict
from latentsweep.answers.statistics import Comparison, against, holm, replicates, wilson
from latentsweep.record.claim_findings import (
    Claim,
    Condition,
    Finding,
    Found,
    LeftOut,
    Ruling,
    Trend,
    Unmeasured,
    weakest,
)


@dataclass(frozen=True)
class Declaration:
    """The claims, the seeds that are needed to judge any, and the one-sided level."""

    least_seeds: int
    level: float
    claims: tuple[Claim, ...]


@dataclass(frozen=True, eq=False)
class Grounds:
    """What the claims are judged on.

    `results` has a row a member: member, objective, latent_size, seed, status and measures.
    `per_example` of a measure and a member are its values [N], None if only their mean is known;
    `baseline` of a measure and a latent size are principal components' values [N], or their mean,
    None if there are none. `facts` are numbers of the data. `seconds_per_seed` is what one more
    seed of all sizes and objectives takes here.
    """

    results: pd.DataFrame
    per_example: Callable[[str, str], np.ndarray | None]
    baseline: Callable[[str, int], np.ndarray | float | None]
    facts: Mapping[str, float | None]
    seconds_per_seed: float


def declared() -> Declaration:
    """The declaration of claims.toml."""
    file = resources.files("latentsweep.answers") / "claims.toml"
    return declaration(file.read_text("utf-8"))


def declaration(text: str) -> Declaration:
    """A declaration in TOML; a key that means nothing is an error."""
    table = tomllib.loads(text)
    return _made(Declaration, table | {"claims": [_claim(claim) for claim in table["claims"]]})


def judged(evidence: Grounds, rules: Declaration | None = None) -> list[Verdict]:
    """The verdict on every claim, of claims.toml if None, for every objective, as declared."""
    rules = rules or declared()
    evidence = replace(evidence, baseline=cache(evidence.baseline))
    families = [_family(evidence, name) for name in evidence.results["objective"].unique()]
    return [_verdict(claim, family, rules) for claim in rules.claims for family in families]


class _Family(NamedTuple):
    """The networks of one objective; `sound`: those that did not fail, size by size, by seed."""

    objective: str
    rows: pd.DataFrame
    sizes: list[int]
    sound: dict[int, pd.DataFrame]
    evidence: Grounds

    def usable(self, size: int, condition: Condition) -> pd.DataFrame:
        """The sound networks of a size that have the numbers that a condition is about."""
        sound, needed = self.sound[size], _columns(condition, self.evidence)
        finite = np.all([np.isfinite(sound[name].to_numpy(np.float64)) for name in needed], axis=0)
        return sound if np.all(finite) else sound.iloc[np.flatnonzero(finite)]

    def places(self, claim: Claim) -> list[tuple[int, Condition]]:
        """The sizes that have all the baselines asked for, each with each of its conditions."""
        baseline = self.evidence.baseline
        asked = {size: [c for c in claim.asked if c.concerns(size)] for size in self.sizes}
        return [
            (size, condition)
            for size, conditions in asked.items()
            if all(c.minus != "pca" or baseline(c.measure, size) is not None for c in conditions)
            for condition in conditions
        ]


class _Asked(NamedTuple):
    """A comparison before it is judged: values whose mean is held against the threshold."""

    condition: Condition
    from_size: int | None
    latent_size: int
    values: Float[np.ndarray, "seeds *examples"]
    trained: int


def _made(kind: type, table: Mapping[str, Any]) -> Any:
    """A dataclass from a table that has nothing else in it."""
    strange = set(table) - {field.name for field in fields(kind)}
    assert not strange, f"claims.toml: {', '.join(sorted(strange))} means nothing"
    return kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in table.items()})


def _claim(table: dict[str, Any]) -> Claim:
    conditions = [_made(Condition, condition) for condition in table.get("conditions", ())]
    return _made(Claim, table | {"conditions": conditions})


def _family(evidence: Grounds, objective: str) -> _Family:
    rows = evidence.results.loc[evidence.results["objective"] == objective]
    assert not rows.duplicated(["latent_size", "seed"]).any(), f"{objective}: a seed stands twice"
    sizes = sorted({int(size) for size in rows["latent_size"]})
    ok = rows.loc[rows["status"] == "ok"].set_index("seed").sort_index()
    sound = {size: ok.loc[ok["latent_size"] == size] for size in sizes}
    return _Family(objective, rows, sizes, sound, evidence)


def _columns(condition: Condition, evidence: Grounds) -> list[str]:
    """The columns of the results that a condition needs."""
    elsewhere = {None, "pca", *evidence.facts}
    names = (condition.measure, condition.minus)
    return [name for name in names if name is not None and name not in elsewhere]


def _verdict(claim: Claim, family: _Family, rules: Declaration) -> Verdict:
    reasons = (each for asked in claim.asked for each in _lacking(asked, claim, family))
    if reason := next(reasons, None):
        return Verdict(claim, family.objective, reason)
    return Verdict(claim, family.objective, _found(claim, family, rules), _trend(claim, family))


def _found(claim: Claim, family: _Family, rules: Declaration) -> Found:
    """What the claim's comparisons decide, and what was left out of them."""
    findings = _findings(claim, family, rules.level)
    (ruling, up_to), deciding = _ruling(claim, findings), _deciding(findings)
    if min(finding.seeds for finding in findings) < rules.least_seeds:
        ruling, up_to, deciding = "inconclusive", None, weakest(findings)
    return Found(
        claim=claim,
        ruling=ruling,
        up_to=up_to,
        findings=findings,
        deciding=deciding,
        left_out=_left_out(claim, family),
        least_seeds=rules.least_seeds,
        seconds_per_seed=family.evidence.seconds_per_seed,
    )


def _lacking(condition: Condition, claim: Claim, family: _Family) -> Iterator[Unmeasured]:
    """Why a condition can't be judged: no sizes, networks, numbers or baselines of that kind."""
    sizes, evidence = [*filter(condition.concerns, family.sizes)], family.evidence
    there, measure = tuple(family.sizes), condition.measure
    rows = family.rows.loc[family.rows["latent_size"].isin(sizes)]
    sound = rows.loc[rows["status"] == "ok"]
    needed = [name for name in _columns(condition, evidence) if not _has(sound, name)]
    if claim.improves and len(there) < 2:
        yield Unmeasured("one size", there)
    elif not sizes:
        yield Unmeasured("other sizes", there, asked=condition.sizes or ())
    elif sound.empty:
        yield Unmeasured("failed", tuple(sizes))
    elif needed or evidence.facts.get(condition.minus or "", 0) is None:
        number = [*needed, condition.minus or ""][0]
        yield Unmeasured("number", number=number, measure=measure)
    elif condition not in {judgeable for _, judgeable in family.places(claim)}:
        yield Unmeasured("principal components", number=measure, measure=measure)


def _has(rows: pd.DataFrame, name: str) -> bool:
    """Whether any of some networks has a number."""
    return name in rows and bool(np.isfinite(rows[name].to_numpy(np.float64)).any())


def _left_out(claim: Claim, family: _Family) -> LeftOut:
    """What could not be used."""
    places = family.places(claim)
    sizes = {size for size, _ in places}
    rows = family.rows.loc[family.rows["latent_size"].isin(sizes)]
    lacking = [
        set(family.sound[k]["member"]) - set(family.usable(k, c)["member"]) for k, c in places
    ]
    unpaired = rows.groupby("latent_size")["seed"].agg(frozenset).nunique() > 1
    concerned = {size for c in claim.asked for size in filter(c.concerns, family.sizes)}
    return LeftOut(
        failed=int((rows["status"] != "ok").sum()),
        without=len(set().union(*lacking)),
        unpaired=claim.improves and unpaired,
        sizes=tuple(sorted(concerned - sizes)),
    )


def _ruling(claim: Claim, findings: Sequence[Finding]) -> tuple[Ruling, int | None]:
    """The verdict: met throughout, met to a size and equal or failed beyond, or not."""
    sizes = list(dict.fromkeys(finding.latent_size for finding in findings))
    groups = [[each for each in findings if each.latent_size == size] for size in sizes]
    met = [all(each.state in ("better", "holds") for each in group) for group in groups]
    if all(met):
        return "reproduced", None
    failed = [any(each.state in ("worse", "fails") for each in group) for group in groups]
    equal = [group[0].within(claim.margin) for group in groups]
    over, first = equal if claim.improves else failed, met.index(False)
    if first and all(over[first:]):
        return "up to", sizes[first - 1]
    return "not reproduced" if any(failed) or (all(over) and not any(met)) else "inconclusive", None


def _deciding(findings: Sequence[Finding]) -> Finding:
    """The first comparison that fails, else the first unclear, else equal, else the weakest."""
    order = (("worse", "fails"), ("unclear",), ("equal",))
    return next((f for states in order for f in findings if f.state in states), weakest(findings))


def _findings(claim: Claim, family: _Family, level: float) -> tuple[Finding, ...]:
    """The claim's comparisons, size by size, their p-values adjusted among them."""
    asked = list((_steps if claim.improves else _at_sizes)(claim, family))
    drawn = replicates([each.values for each in asked])
    tests = [_tested(each, d, claim.margin) for each, d in zip(asked, drawn, strict=True)]
    met, lost = (holm([test[side] for test in tests]).tolist() for side in (3, 4))
    rows = zip(asked, tests, zip(met, lost, strict=True), strict=True)
    return tuple(_finding(*row, claim, level) for row in rows)


def _steps(claim: Claim, family: _Family) -> Iterator[_Asked]:
    """How much better each size is than the one before, for the seeds that both have."""
    (condition,), sign = claim.asked, 1 if claim.better == "lower" else -1
    for sizes in pairwise(family.sizes):
        usable = [family.usable(size, condition) for size in sizes]
        shared = usable[0].index.intersection(usable[1].index)
        before, after = (_values(claim.measure, u.loc[shared], family.evidence) for u in usable)
        sound = [family.sound[size].index for size in sizes]
        trained = len(sound[0].intersection(sound[1]))
        yield _Asked(condition, *sizes, sign * _less(before, after), trained)


def _at_sizes(claim: Claim, family: _Family) -> Iterator[_Asked]:
    """Each condition at each size that can be judged, less what it has to exceed."""
    for size, condition in family.places(claim):
        rows = family.usable(size, condition)
        values = _values(condition.measure, rows, family.evidence)
        values = _less(values, _other(condition, size, rows, family.evidence))
        yield _Asked(condition, None, size, values, len(family.sound[size]))


def _values(measure: str, rows: pd.DataFrame, evidence: Grounds) -> np.ndarray:
    """A measure of some members: [members, N] if every one has its examples', else [members]."""
    found = [evidence.per_example(measure, member) for member in rows["member"]]
    shapes = {None if each is None else each.shape for each in found}
    if len(shapes) == 1 and None not in shapes:
        return np.stack([each for each in found if each is not None]).astype(np.float64)
    return rows[measure].to_numpy(np.float64)


def _other(condition: Condition, size: int, rows: pd.DataFrame, evidence: Grounds) -> np.ndarray:
    """What a measure has to exceed: a number [], one a seed [seeds], or one an example [1, N]."""
    other = condition.minus
    if other == "pca":
        known = np.asarray(evidence.baseline(condition.measure, size), np.float64)
        return known[None] if known.ndim else known
    if other is None or other in evidence.facts:
        return np.asarray(evidence.facts[other] if other else 0.0, np.float64)
    return rows[other].to_numpy(np.float64)


def _less(values: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A difference, example by example where both have the same examples, else seed by seed."""
    if not other.ndim or (values.ndim == other.ndim and values.shape[1:] == other.shape[1:]):
        return values - other
    return _of_seeds(values) - _of_seeds(other)


def _of_seeds(values: np.ndarray) -> np.ndarray:
    """Each seed's mean."""
    return values.mean(axis=1) if values.ndim > 1 else values


def _tested(asked: _Asked, drawn: np.ndarray | None, margin: float) -> Comparison:
    """A value, its interval, and how likely it is if all is not well, and if it is no loss."""
    condition, seeds = asked.condition, _of_seeds(asked.values)
    if condition.judged == "interval" or not len(seeds):
        met = against(asked.values, condition.threshold, drawn)
        lost = against(asked.values, condition.threshold - margin, drawn)
        p = (met.p_above, lost.p_below) if condition.sign > 0 else (met.p_below, lost.p_above)
        return Comparison(*met[:3], *p)
    if condition.judged == "share":
        good = condition.sign * (seeds - condition.threshold) >= 0
        return Comparison(*wilson(int(good.sum()), len(good)), np.nan, np.nan)
    low, high = float(seeds.min()), float(seeds.max())
    return Comparison(low if condition.sign > 0 else high, low, high, np.nan, np.nan)


def _finding(
    asked: _Asked, test: Comparison, p: tuple[float, float], claim: Claim, level: float
) -> Finding:
    """A comparison with its state, from its adjusted p-values."""
    condition, a, b, values, trained = asked
    met, lost = ("better", "worse") if claim.improves else ("holds", "fails")
    found = Finding(condition, a, b, *test[:3], p[0], "unclear", len(values), trained)
    if condition.judged != "interval" and found.seeds:
        return replace(found, state=met if found.slack >= 0 else lost)
    if p[0] <= level:
        return replace(found, state=met)
    if p[1] <= level:
        return replace(found, state=lost, p=p[1])
    equal = claim.improves and found.within(claim.margin)
    return replace(found, state="equal" if equal else "unclear")


def _trend(claim: Claim, family: _Family) -> Trend | None:
    """What Page's test says of the order of the sizes, over the seeds that every size has."""
    if not claim.improves or len(family.sizes) < 3:
        return None
    columns = [family.usable(size, claim.asked[0])[claim.measure] for size in family.sizes]
    table = pd.concat(columns, axis=1, join="inner").to_numpy(np.float64)
    if len(table) < 2:
        return None
    rising = page_trend_test(-table if claim.better == "lower" else table)
    return Trend(len(table), float(rising.pvalue))
