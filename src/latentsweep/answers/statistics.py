"""What a difference between networks is worth, given the noise of seeds and of examples.

Networks of several sizes, each trained with several seeds, are measured on the same examples. The
losses [K, seed, example] are a crossed design: a seed stands for the same initial columns, batch
order and noise at every size, and an example for the same example everywhere. So only differences
are looked at, seed by seed and example by example; they vary far less than the losses do.

Two intervals are made of a difference. Student's t over the seeds' means says what other seeds
would give on these examples. The pigeonhole bootstrap draws seeds and examples anew, independently,
and says what other seeds would give on other examples; with few seeds it is too narrow, since
drawing from S seeds shows only (S - 1) / S of their variance. The wider of the two is shown.

Neither covers what was not varied: another network, another training, another source of data.

References:
    Owen (2007), The pigeonhole bootstrap, Annals of Applied Statistics 1:386.
    Owen & Eckles (2012), Bootstrapping data arrays of arbitrary order, on why it is conservative.
    Holm (1979), A simple sequentially rejective multiple test procedure.
    Schuirmann (1987), on two one-sided tests of equivalence.
    Wilson (1927), Probable inference, the law of succession, and statistical inference.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import binomtest, t

CONFIDENCE = 0.95
REPLICATES = 10_000
_CHUNK = 2**22  # drawn indices held at once


class Comparison(NamedTuple):
    """A mean difference, its interval, and one-sided p-values.

    `p_above` is small where the difference is above the threshold, `p_below` where it is below.
    NaN for the interval and p-values of a single seed.
    """

    value: float
    low: float
    high: float
    p_above: float
    p_below: float


class Interval(NamedTuple):
    """A value and the two ends of its interval."""

    value: float
    low: float
    high: float


def compared(
    differences: Float[np.ndarray, "seeds *examples"], threshold: float = 0.0, seed: int = 0
) -> Comparison:
    """The mean of paired differences against a threshold: the more cautious of the two routes.

    Args:
        differences: one a seed, or one a seed and example.
        threshold: what the p-values compare the mean with.
        seed: of the bootstrap's draws.
    """
    return against(differences, threshold, replicates([differences], seed)[0])


def against(
    differences: Float[np.ndarray, "seeds *examples"],
    threshold: float,
    means: Float[np.ndarray, " count"] | None,
) -> Comparison:
    """`compared` with replicates that are there already: several thresholds need them once.

    Args:
        differences: one a seed, or one a seed and example; none at all gives NaN throughout.
        threshold: what the p-values compare the mean with.
        means: the differences' replicates, None if there are none.
    """
    if not len(differences):
        return Comparison(*[np.nan] * 5)
    of_seeds = differences.reshape(len(differences), -1).mean(axis=1, dtype=np.float64)
    value = float(of_seeds.mean())
    if len(of_seeds) < 2:
        return Comparison(value, *[np.nan] * 4)
    interval = t_interval(of_seeds)
    above, below = _t_p_values(of_seeds, threshold)
    if means is not None:
        interval = wider(interval, quantile_interval(value, means))
        above = max(above, _bootstrap_p(means <= threshold))
        below = max(below, _bootstrap_p(means >= threshold))
    return Comparison(*interval, above, below)


def t_interval(values: Float[np.ndarray, " seeds"], confidence: float = CONFIDENCE) -> Interval:
    """Mean and two-sided interval of at least two values: mean -+ t_(S-1) sd / sqrt(S)."""
    mean = float(values.mean())
    reach = float(
        t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    )
    return Interval(mean, mean - reach, mean + reach)


def quantile_interval(
    value: float, replicates: Float[np.ndarray, " count"], confidence: float = CONFIDENCE
) -> Interval:
    """A value with the middle of its replicates."""
    low, high = np.quantile(replicates, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high))


def wider(one: Interval, other: Interval) -> Interval:
    """The longer of two intervals."""
    return max(one, other, key=lambda interval: interval.high - interval.low)


def pigeonhole(
    values: Float[np.ndarray, "seeds examples"], count: int, rng: np.random.Generator
) -> Float[np.ndarray, " count"]:
    """Means of seeds and examples that are drawn anew, independently, with replacement.

    References:
        Owen (2007), section 3.
    """
    return _over_seeds(example_means(values, count, rng), rng)


def replicates(group: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray | None]:
    """The pigeonhole replicates [count] of each of several differences, as `compared` takes them.

    None where there are not several seeds and several examples. Differences of as many examples are
    drawn together, which costs little more than one alone.
    """
    found: list[np.ndarray | None] = [None] * len(group)
    crossed = [i for i, each in enumerate(group) if each.ndim > 1 and min(each.shape) > 1]
    for examples in sorted({group[i].shape[1] for i in crossed}):
        alike = [i for i in crossed if group[i].shape[1] == examples]
        rng = np.random.default_rng(seed)
        drawn = example_means(np.concatenate([group[i] for i in alike]), REPLICATES, rng)
        ends = np.cumsum([len(group[i]) for i in alike])[:-1]
        for i, of_seeds in zip(alike, np.split(drawn, ends, axis=1), strict=True):
            found[i] = _over_seeds(of_seeds, rng)
    return found


def example_means(
    values: Float[np.ndarray, "rows examples"], count: int, rng: np.random.Generator
) -> Float[np.ndarray, "count rows"]:
    """Each row's mean over examples drawn anew, the same draw for all rows of a replicate."""
    columns = np.ascontiguousarray(values.T, np.float64)
    parts = [weights @ columns for weights in _example_weights(len(columns), count, rng)]
    return np.concatenate(parts) / len(columns)


def holm(p_values: Sequence[float] | Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """P-values that may be compared with one level however many there are; NaN stays NaN.

    References:
        Holm (1979).
    """
    p = np.asarray(p_values, np.float64)
    adjusted = np.full_like(p, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def equivalent(values: Float[np.ndarray, " seeds"], margin: float) -> float:
    """P-value of "the mean lies within +-margin": the larger of two one-sided t tests.

    References:
        Schuirmann (1987).
    """
    above, _ = _t_p_values(values, -margin)
    _, below = _t_p_values(values, margin)
    return max(above, below)


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """A share and its interval, which stays inside 0 to 1 however few the trials are."""
    if trials == 0:
        return Interval(np.nan, 0.0, 1.0)
    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Interval(successes / trials, float(interval.low), float(interval.high))


class Additive(NamedTuple):
    """How sizes' effects are read from the cells of a crossed design that may have gaps.

    `weights` [K, cells] times the cells' values are the effects; whether they are `paired`: freed
    of what the seeds share.
    """

    weights: Float[np.ndarray, "K cells"]
    fitted: Float[np.ndarray, "cells cells"]
    freedom: int
    paired: bool


def additive(present: Bool[np.ndarray, "K seeds"]) -> Additive:
    """Least squares of value = effect of size + effect of seed, over the cells that are there.

    The seeds' effects sum to 0. Without gaps an effect is the mean over its seeds. Where the sizes
    share too few seeds for that (each has seeds of its own, say), the seeds' effects are left out.
    A seed of no size has no effect.
    """
    present = present[:, present.any(axis=0)]
    rows, columns = np.nonzero(present)
    sizes, seeds = np.eye(len(present))[rows], np.eye(present.shape[1])[columns]
    centred = seeds[:, 1:] - seeds[:, :1]
    both = np.hstack([sizes, centred])
    paired = bool(np.linalg.matrix_rank(both) == both.shape[1])
    inverse = np.linalg.pinv(both if paired else sizes)
    design = both if paired else sizes
    return Additive(
        weights=inverse[: len(present)],
        fitted=design @ inverse,
        freedom=len(rows) - design.shape[1],
        paired=paired,
    )


def _example_weights(
    examples: int, count: int, rng: np.random.Generator
) -> Iterator[Float[np.ndarray, "some examples"]]:
    """How often each example is drawn, a few replicates at a time."""
    some = max(1, _CHUNK // examples)
    for start in range(0, count, some):
        rows = min(some, count - start)
        drawn = rng.integers(examples, size=(rows, examples))
        drawn += examples * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * examples)
        yield counts.reshape(rows, examples).astype(np.float64)


def _t_p_values(values: Float[np.ndarray, " seeds"], threshold: float) -> tuple[float, float]:
    """One-sided p-values of a mean above and below a threshold; certain where nothing varies."""
    if np.ptp(values) == 0:
        return float(values[0] <= threshold), float(values[0] >= threshold)
    error = values.std(ddof=1) / np.sqrt(len(values))
    distance, freedom = (values.mean() - threshold) / error, len(values) - 1
    return float(t.sf(distance, freedom)), float(t.cdf(distance, freedom))


def _over_seeds(
    of_seeds: Float[np.ndarray, "count seeds"], rng: np.random.Generator
) -> Float[np.ndarray, " count"]:
    """Each replicate's mean over seeds drawn anew."""
    count, seeds = of_seeds.shape
    weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=count) / seeds
    return np.sum(weights * of_seeds, axis=1)


def _bootstrap_p(against: Bool[np.ndarray, " count"]) -> float:
    return float((1 + np.sum(against)) / (1 + len(against)))
