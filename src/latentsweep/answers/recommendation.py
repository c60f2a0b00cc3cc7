"""The smallest latent size that is not reliably worse than the best, and how sure that is.

Let L(k) be the held-out loss of networks with k latent dimensions, L(0) that of the model without a
latent, and b the size of least loss. A network of k dimensions is *enough* if it is not behind by
more than a share of what there is to gain,

    L(k) - L(b) <= delta,     delta = share x (L(0) - L(b)),     share = 1 %.

A share of the loss itself would mean nothing: a density has an arbitrary unit. Whether it holds is
a question of noise, of which there are two sources. The examples are drawn anew by the bootstrap,
the same draw for every network. What differs from training to training is read from residuals of

    mean loss of (size, seed) = effect of the size + effect of the seed + residual,

whose variance is pooled over the sizes near the best (those within 5 delta; small networks, far
behind, differ more among each other), and drawn from Student's t with as many degrees of freedom as
there are residuals beyond the effects. So two seeds of eight sizes say more than two seeds of one.
(Drawing from two seeds themselves would show half of their variance. Where seeds hold out folds,
each has examples of its own: `noise` says what is drawn then.)

Having the luck to be the best of many is no merit. So the upper bound has the best size picked anew
in each replicate, and the lower one holds against all that may be the best at once: taken off is
the 95 % quantile of the largest (L*(k) - L*(b)) - (L(k) - L(b)) of all sizes b near the best, L*
being a replicate. Now

    too small   the lower 95 % bound of L(k) - L(b) is above delta (too large, if k > b),
    enough      the upper 95 % bound is at most delta, and undecided otherwise;

the answer is the smallest size that is enough; the set holds the sizes that are the smallest
within delta in the middle 90 % of the replicates, the answer, and all from the first that is not
too small. A size that was not tried is never named.

References:
    Hsu (1984), Constrained simultaneous confidence intervals for multiple comparisons with the
        best.
    Owen (2007), The pigeonhole bootstrap. Here residuals are drawn instead of the few seeds.
    Hung, Wang & O'Neill (2005), A regulatory perspective on choice of margin in non-inferiority.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from latentsweep.answers.absurd import Apart, told_apart
from latentsweep.answers.losses import Losses
from latentsweep.answers.noise import Draws, drawn, means, without_latent
from latentsweep.answers.statistics import additive

SHARES = 0.005, 0.01, 0.02
SHARE = 0.01
ONE_SIDED = 0.95
CONFIDENCE = 0.90
REPLICATES = 4_000
_NEAR = 5  # deltas behind the best within which sizes share their spread
_FEWEST_NEAR = 3

Verdict = Literal["too small", "undecided", "enough", "too large", "badly trained"]
Status = Literal[
    "ok",
    "undecided",
    "no plateau yet",
    "every size keeps helping",
    "nothing to encode",
    "no gain known",
    "too few seeds",
    "one size",
    "target not reached",
]
_NOT_JUDGED = "one size", "too few seeds", "nothing to encode", "no gain known"


@dataclass(frozen=True)
class Rule:
    """What is enough: a share of the attainable gain behind the best, or a loss to reach."""

    share: float = SHARE
    target: float | None = None


USUAL = Rule()


class Row(NamedTuple):
    """One size: its mean loss, how far behind the best with one-sided 95 % bounds, the verdict.

    `behind` is above the target where the rule has one. `probability` is the share of replicates in
    which this is the smallest size that is enough. `seeds_would_decide` says whether the examples
    alone, without the noise of training, would leave it undecided too.
    """

    latent_size: int
    seeds: int
    loss: float
    behind: float
    low: float
    high: float
    verdict: Verdict
    probability: float
    seeds_would_decide: bool


@dataclass(frozen=True)
class Recommendation:
    """The answer, with what it rests on; losses in the unit they came in.

    `gain` is L(0) - L(b), or that from the smallest size tried where L(0) is not known
    (`gain_is_known`). `at_shares` is the answer at other shares, None where no size is enough.
    `exhausted` says whether no larger size could be tried. `apart` is what is absurd among the
    losses, if anything, and `plain` then the answer of plain means, that has all of it.
    """

    status: Status
    latent_size: int | None
    low: int | None
    high: int | None
    best: int
    delta: float
    gain: float
    gain_low: float
    gain_is_known: bool
    rows: tuple[Row, ...]
    at_shares: dict[float, int | None]
    exhausted: bool = False
    apart: Apart | None = None
    plain: "Recommendation | None" = None

    @property
    def sizes(self) -> list[int]:
        """The sizes that were compared."""
        return [row.latent_size for row in self.rows]

    def row(self, latent_size: int) -> Row:
        """The row of a size that was tried."""
        return next(row for row in self.rows if row.latent_size == latent_size)

    def without_blame(self, sizes: Collection[int]) -> "Recommendation":
        """The same, but that sizes whose networks were trained badly are not called too large."""
        blamed = {row.latent_size for row in self.rows if row.verdict == "too large"}
        trained: dict[int, Verdict] = dict.fromkeys(blamed.intersection(sizes), "badly trained")
        rows = [
            row._replace(verdict=trained.get(row.latent_size, row.verdict)) for row in self.rows
        ]
        return replace(self, rows=tuple(rows))

    def untried_below(self, latent_size: int) -> list[int]:
        """The sizes between this one and the next smaller that was tried."""
        smaller = [size for size in self.sizes if size < latent_size]
        return list(range(max(smaller, default=0) + 1, latent_size))

    def untried_inside(self) -> list[int]:
        """The sizes of the set that were not tried."""
        if self.low is None or self.high is None:
            return []
        return [size for size in range(self.low, self.high) if size not in self.sizes]

    def cumulative(self) -> dict[int, float]:
        """P(the smallest size that is enough <= k) for each size k."""
        sums = np.cumsum([row.probability for row in self.rows])
        return dict(zip(self.sizes, sums.tolist(), strict=True))


def recommend(
    losses: Losses, rule: Rule = USUAL, *, limit: int | None = None, seed: int = 0
) -> Recommendation:
    """The smallest size that is enough, its set, and each size's verdict.

    What is absurd among the losses is told apart first.

    Args:
        losses: of networks that differ in latent size and seed alone.
        limit: the largest size that could be tried, None if there is no such limit.
        seed: of the replicates' draws.
    """
    apart = told_apart(losses)
    found = _recommended(apart.losses, rule, limit, seed)
    if apart.nothing:
        return found
    plain = _recommended(losses, rule, limit, seed)
    return replace(found, apart=apart, plain=plain)


def _recommended(losses: Losses, rule: Rule, limit: int | None, seed: int) -> Recommendation:
    kept = losses.of_sizes(np.any(losses.present, axis=1, keepdims=True)[:, 0])
    design = additive(kept.present)
    effects = design.weights @ means(kept)
    no_latent = without_latent(kept, effects)
    delta = float(_delta(rule, np.asarray(no_latent - effects.min())))
    near = _near(effects, rule, delta)
    draws = drawn(kept, design, near, REPLICATES, np.random.default_rng(seed))
    rows = _rows(kept, draws, rule)
    gain_low = _gain_low(draws)
    status = _status(kept, draws, rule, rows, limit, gain_low)
    answer = _smallest(rows) if status == "ok" else None
    low, high = _set(rows, answer) if status in ("ok", "undecided") else (None, None)
    return Recommendation(
        status=status,
        latent_size=answer,
        low=low,
        high=high,
        best=kept.sizes[int(np.argmin(effects))],
        delta=delta,
        gain=float(no_latent - effects.min()),
        gain_low=gain_low,
        gain_is_known=kept.no_latent is not None,
        rows=rows,
        at_shares={} if status in _NOT_JUDGED else _at_shares(kept, draws, rule),
        exhausted=limit is not None and kept.sizes[-1] >= limit,
    )


def _delta(rule: Rule, gain: Float[np.ndarray, "*count"]) -> Float[np.ndarray, "*count"]:
    """How far behind is still enough."""
    return 0 * gain if rule.target is not None else rule.share * np.maximum(gain, 0)


def _near(effects: Float[np.ndarray, " K"], rule: Rule, delta: float) -> Bool[np.ndarray, " K"]:
    """The sizes that share one spread: those near the best, or near the target."""
    centre = effects.min() if rule.target is None else rule.target
    reach = _NEAR * delta if rule.target is None else abs(rule.target) / 2
    away = np.abs(effects - centre)
    closest = np.argsort(away, kind="stable")[:_FEWEST_NEAR]
    near = away <= reach
    near[closest] = True
    return near


def _rows(losses: Losses, draws: Draws, rule: Rule) -> tuple[Row, ...]:
    """Each size's row of the answer."""
    reference = draws.effects.min() if rule.target is None else rule.target
    behind, best = draws.effects - reference, int(np.argmin(draws.effects))
    delta = float(_delta(rule, np.asarray(draws.no_latent - draws.effects.min())))
    near, judged = _near(draws.effects, rule, delta), draws.freedom > 0
    low, high = _bounds(draws.replicates, draws.effects, rule, near)
    larger = (np.arange(len(behind)) > best) & (low[best] <= delta)  # the best may miss a target
    least, most = _bounds(draws.quiet, draws.effects, rule, near)
    probability = np.bincount(_first(draws, rule), minlength=len(behind) + 1) / REPLICATES
    return tuple(
        Row(
            latent_size=size,
            seeds=int(losses.present[i].sum()),
            loss=float(draws.effects[i]),
            behind=float(behind[i]),
            low=float(low[i]),
            high=float(high[i]),
            verdict=_verdict(low[i], high[i], delta, larger=larger[i]) if judged else "undecided",
            probability=float(probability[i]),
            seeds_would_decide=_verdict(least[i], most[i], delta) != "undecided",
        )
        for i, size in enumerate(losses.sizes)
    )


def _bounds(
    replicates: Float[np.ndarray, "count K"],
    effects: Float[np.ndarray, " K"],
    rule: Rule,
    near: Bool[np.ndarray, " K"],
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """One-sided 95 % bounds of how far each size is behind the best, or above the target."""
    low, high = np.quantile(_above(replicates, rule), [1 - ONE_SIDED, ONE_SIDED], axis=0)
    if rule.target is None:
        errors = replicates - effects
        by_chance = errors - errors[:, near].min(axis=1, keepdims=True)
        low = effects - effects.min() - np.quantile(by_chance, ONE_SIDED, axis=0)
    return low, high


def _gain_low(draws: Draws) -> float:
    """The lower 95 % bound of the gain, whichever size is the best, each by its own noise."""
    errors = (draws.no_latents - draws.no_latent)[:, None] - (draws.replicates - draws.effects)
    reach = np.maximum(np.quantile(errors, ONE_SIDED, axis=0), np.finfo(np.float64).tiny)
    all_at_once = np.quantile((errors / reach).max(axis=1), ONE_SIDED)
    return float(np.max(draws.no_latent - draws.effects - all_at_once * reach))


def _above(replicates: Float[np.ndarray, "count K"], rule: Rule) -> Float[np.ndarray, "count K"]:
    """How far each replicate's losses are above its best, picked anew, or above the target."""
    best = replicates.min(axis=1, keepdims=True)
    return replicates - (best if rule.target is None else rule.target)


def _first(draws: Draws, rule: Rule) -> Int[np.ndarray, " count"]:
    """The place of the smallest size that is enough in each replicate; K where there is none."""
    delta = _delta(rule, draws.no_latents - draws.replicates.min(axis=1))
    enough = _above(draws.replicates, rule) <= delta[:, None]
    return np.where(enough.any(axis=1), enough.argmax(axis=1), enough.shape[1])


def _verdict(low: float, high: float, delta: float, *, larger: bool = False) -> Verdict:
    if low > delta:
        return "too large" if larger else "too small"
    return "enough" if high <= delta else "undecided"


def _set(rows: tuple[Row, ...], answer: int | None) -> tuple[int, int]:
    """The smallest and the largest size of the set of 90 %, the answer, if any, among them."""
    small = [row.verdict == "too small" for row in rows]
    sums, sizes = np.cumsum([row.probability for row in rows]), [row.latent_size for row in rows]
    tail = (1 - CONFIDENCE) / 2
    low = next((s for s, p in zip(sizes, sums, strict=True) if p > tail), sizes[-1])
    high = next((s for s, p in zip(sizes, sums, strict=True) if p >= 1 - tail), sizes[-1])
    low = min(low, sizes[small.index(False)])
    return (low, high) if answer is None else (min(low, answer), max(high, answer))


def _smallest(rows: tuple[Row, ...]) -> int | None:
    """The smallest size that is enough."""
    return next((row.latent_size for row in rows if row.verdict == "enough"), None)


def _status(
    losses: Losses,
    draws: Draws,
    rule: Rule,
    rows: tuple[Row, ...],
    limit: int | None,
    gain_low: float,
) -> Status:
    """Which kind of answer this is."""
    answer, largest = _smallest(rows), losses.sizes[-1]
    if len(losses.sizes) < 2:
        return "one size"
    if draws.freedom < 1:
        return "too few seeds"
    if rule.target is not None:
        return "target not reached" if answer is None else "ok"
    if losses.no_latent is None and np.argmin(draws.effects) == 0:
        return "no gain known"
    if losses.no_latent is not None and gain_low <= 0:
        return "nothing to encode"
    if answer is not None and answer < largest:
        return "ok"
    if any(row.verdict != "too small" for row in rows[:-1]):
        return "undecided"
    exhausted = limit is not None and largest >= limit
    return "every size keeps helping" if exhausted else "no plateau yet"


def _at_shares(losses: Losses, draws: Draws, rule: Rule) -> dict[float, int | None]:
    """The answer at half and twice the usual share; the largest size is none."""
    if rule.target is not None:
        return {}
    return {share: _smallest(_rows(losses, draws, Rule(share))[:-1]) for share in SHARES}
