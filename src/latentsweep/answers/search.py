"""Which networks to train next, to know a latent size with the fewest of them.

A search is a list of steps, each some latent sizes and seeds, chosen from what the steps before it
gave and from nothing else:

    start    the powers of two from 2 on, up to the first limit, with two seeds each
    check    a size that was asked for, whatever the search would do
    extend   twice the largest size, while all smaller ones are too small; and where the largest is
             the best and no smaller one known to be enough, once none near the best is untried
             (neither if the largest leaves dimensions idle, which is then the goal's limit)
    refine   the sizes between two neighbours, all of them or first three among many: below the
             first size near the best, then below the first that is not too small, and in the end
             three inside a coarse gap of a set that more seeds have not closed
    repeat   two more seeds for the smallest sizes that are undecided, and for those they are held
             against: the best, and the smallest that is enough

Where each seed holds out another fold of the examples, all begin with as many seeds as there are
folds, so that each example is held out once, and get as many more.

It ends when no smaller size is left to try and the set is as narrow as was asked for, when what is
undecided is so for want of held-out examples, which no seed can mend, or when nothing that it could
add fits into the budget. Networks are trained from fresh weights
at every step: one that began from another's would be compared with it unfairly.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np

from latentsweep.answers.recommendation import Recommendation, Row

Action = Literal["start", "check", "extend", "refine", "repeat"]
FIRST_LIMIT = 32
FIRST_SEEDS = 2
MORE_SEEDS = 2
MOST_SEEDS = 12
_MANY = 7
_PRECISION = 2
_AT_ONCE = 5
_UNLIKELY = 0.03
_NEAR = 10  # deltas behind the best


class Step(NamedTuple):
    """Networks to train: all of these sizes with all of these seeds.

    The reason is a `code` with its sizes, which `show.words.search` puts into words.
    """

    action: Action
    latent_sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    reason: dict[str, Any]

    @property
    def networks(self) -> int:
        """How many these are."""
        return len(self.latent_sizes) * len(self.seeds)


@dataclass(frozen=True)
class Goal:
    """When a search ends: the width of the set, the largest size that makes sense, the seeds.

    Sizes begin with `first_seeds`, and get `more_seeds` at a time.
    """

    limit: int
    precision: int = _PRECISION
    first_seeds: int = FIRST_SEEDS
    more_seeds: int = MORE_SEEDS
    most_seeds: int = MOST_SEEDS


def first_step(goal: Goal) -> Step:
    """The coarse grid."""
    powers = [2**i for i in range(1, FIRST_LIMIT.bit_length()) if 2**i <= goal.limit]
    sizes = tuple(powers) or (1,)
    if len(sizes) == 1:
        sizes = tuple(sorted({1, *sizes, goal.limit}))
    return Step("start", sizes, tuple(range(goal.first_seeds)), {"code": "coarse grid"})


def asked_for(latent_size: int, goal: Goal) -> Step:
    """A size that someone wants to know about, wherever the search stands."""
    return Step("check", (latent_size,), tuple(range(goal.first_seeds)), {"code": "asked for"})


def next_step(found: Recommendation, goal: Goal) -> Step | None:
    """What to train after this, or None if the question is answered as well as was asked for."""
    if found.status == "nothing to encode" and found.gain > 0:
        return _once_more(found, goal)
    if found.status in ("nothing to encode", "one size"):
        return None
    if _all_below_are_too_small(found) and found.sizes[-1] < goal.limit:
        return _extend(found, goal, "none below is enough")
    if sizes := _untried(found):
        low, high = _open_gap(found)
        reason = {"code": "gain ends between" if low else "near the best", "low": low, "high": high}
        return Step("refine", sizes, _seeds(found, goal), reason)
    if found.status in ("every size keeps helping", "no gain known"):
        return None
    if _may_go_on(found) and found.sizes[-1] < goal.limit:
        return _extend(found, goal, "best so far")
    return _inside(found, goal) or _repeat(found, goal)


def trimmed(step: Step, networks: int) -> Step | None:
    """The step, or as many of its sizes, evenly taken, as so many networks allow; None for none."""
    if step.networks <= networks:
        return step
    count = networks // len(step.seeds)
    if count < 1 or step.action == "repeat":
        return None
    places = (np.arange(count) + 0.5) * len(step.latent_sizes) / count
    return step._replace(latent_sizes=tuple(step.latent_sizes[int(place)] for place in places))


def width(found: Recommendation) -> int | None:
    """Sizes in the set beyond one, those not tried between its ends and below it among them."""
    if found.low is None or found.high is None:
        return None
    return found.high - found.low + len(found.untried_below(found.low))


def _all_below_are_too_small(found: Recommendation) -> bool:
    """Whether all sizes but the largest are too small."""
    return all(row.verdict == "too small" for row in found.rows[:-1])


def _may_go_on(found: Recommendation) -> bool:
    """Whether the largest size is the best, and no smaller one is known to be enough."""
    known = any(row.verdict == "enough" for row in found.rows[:-1])
    return found.best == found.sizes[-1] and not known


def _extend(found: Recommendation, goal: Goal, code: str) -> Step:
    """Twice the largest size."""
    largest = found.sizes[-1]
    larger = min(2 * largest, goal.limit)
    return Step("extend", (larger,), _seeds(found, goal), {"code": code, "size": largest})


def _open_gap(found: Recommendation) -> tuple[int, int]:
    """Two neighbouring sizes between which the answer may lie: where the gain ends, or at its edge.

    The loss may dip: networks with as many dimensions as the data can be better than wider ones. So
    the gap below the first size near the best is looked into even if that size is too small.
    """
    near = [row.behind <= _NEAR * found.delta for row in found.rows]
    fits = [row.verdict != "too small" for row in found.rows]
    gaps = [_gap(found, flags.index(True)) for flags in (near, fits) if any(flags)]
    return next((gap for gap in gaps if gap[1] - gap[0] > 1), (0, 0))


def _gap(found: Recommendation, place: int) -> tuple[int, int]:
    """A size that was tried, by its place, after the next smaller one (0: none)."""
    return (found.sizes[place - 1] if place else 0), found.sizes[place]


def _untried(found: Recommendation) -> tuple[int, ...]:
    """The sizes of the open gap."""
    return _between(*_open_gap(found))


def _between(low: int, high: int) -> tuple[int, ...]:
    """The sizes between two; three, evenly spaced, of many."""
    missing = range(low + 1, high)
    if len(missing) <= _MANY:
        return tuple(missing)
    return tuple(round(low + (high - low) * part / 4) for part in (1, 2, 3))


def _inside(found: Recommendation, goal: Goal) -> Step | None:
    """Three sizes of a coarse gap inside a wide set that more seeds have not closed."""
    if found.low is None or found.high is None or found.high - found.low <= goal.precision:
        return None
    spanned = [row for row in found.rows if found.low <= row.latent_size <= found.high]
    for one, other in pairwise(spanned):
        gap = _between(one.latent_size, other.latent_size)
        coarse = other.latent_size - one.latent_size > _MANY + 1
        repeated = min(one.seeds, other.seeds) > goal.first_seeds
        if coarse and repeated and one.verdict == "undecided":
            ends = {"low": one.latent_size, "high": other.latent_size}
            return Step("refine", gap, _seeds(found, goal), {"code": "set spans", **ends})
    return None


def _seeds(found: Recommendation, goal: Goal) -> tuple[int, ...]:
    """As many seeds as all sizes have had."""
    return tuple(range(max(goal.first_seeds, min(row.seeds for row in found.rows))))


def _once_more(found: Recommendation, goal: Goal) -> Step | None:
    """More seeds of all sizes where there seems to be a gain: of the first little is sure."""
    if max(row.seeds for row in found.rows) > goal.first_seeds:
        return None
    seeds = range(goal.first_seeds, goal.first_seeds + goal.more_seeds)
    return Step("repeat", tuple(found.sizes), tuple(seeds), {"code": "gain not sure"})


def _repeat(found: Recommendation, goal: Goal) -> Step | None:
    """More seeds for the smallest sizes that seeds can decide, and for what they hang on."""
    wide = width(found)
    if found.latent_size is not None and wide is not None and wide <= goal.precision:
        return None
    undecided = [r for r in found.rows if r.verdict == "undecided" and r.seeds_would_decide]
    wanted = undecided[:_AT_ONCE] or _likely(found)
    if not wanted:
        return None
    contenders = _with_reference(found, wanted)
    fewest = min(row.seeds for row in contenders)
    behind = [row for row in contenders if row.seeds == fewest]
    most = max(row.seeds for row in contenders)
    until = min(fewest + goal.more_seeds, goal.most_seeds if fewest == most else most)
    sizes = tuple(row.latent_size for row in behind)
    reason = {"code": "wide set"}
    if undecided:
        reason = {"code": "undecided", "sizes": [row.latent_size for row in wanted]}
    return Step("repeat", sizes, tuple(range(fewest, until)), reason) if until > fewest else None


def _likely(found: Recommendation) -> list[Row]:
    """The sizes of a set that seeds could narrow."""
    spread = [row for row in found.rows if row.probability > _UNLIKELY]
    return [row for row in spread if row.seeds_would_decide][:_AT_ONCE]


def _with_reference(found: Recommendation, wanted: list[Row]) -> list[Row]:
    """These rows, the best size, and the smallest that is enough."""
    enough = [row.latent_size for row in found.rows if row.verdict == "enough"]
    named = {found.best, *enough[:1], *(row.latent_size for row in wanted)}
    return [row for row in found.rows if row.latent_size in named]
