"""Intervals, p-values and the additive design, each against another way to the same number."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, ttest_1samp

from latentsweep.answers import statistics
from latentsweep.answers.statistics import (
    additive,
    against,
    compared,
    equivalent,
    example_means,
    holm,
    pigeonhole,
    quantile_interval,
    replicates,
    t_interval,
    wider,
    wilson,
)

SEEDS = np.array([1.9, 2.4, 2.2, 1.7, 2.9, 2.1])


def crossed(
    seeds: int = 6, examples: int = 300, seed_sd: float = 1.0, example_sd: float = 5.0, key: int = 0
) -> np.ndarray:
    """Differences of seeds and examples, with an effect of each and a residual."""
    rng = np.random.default_rng(key)
    of_seeds = rng.normal(0, seed_sd, (seeds, 1))
    return of_seeds + rng.normal(0, example_sd, examples) + rng.normal(0, 1, (seeds, examples))


# Student's t


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("count", [2, 3, 6])
def test_the_t_interval_is_scipys(count, confidence):
    values = SEEDS[:count]
    theirs = ttest_1samp(values, 0).confidence_interval(confidence)
    np.testing.assert_allclose(t_interval(values, confidence)[1:], (theirs.low, theirs.high))


@pytest.mark.parametrize(("count", "factor"), [(5, 2.776), (6, 2.571)])
def test_the_t_interval_reaches_as_far_as_tables_say(count, factor):
    interval = t_interval(SEEDS[:count])
    error = SEEDS[:count].std(ddof=1) / np.sqrt(count)
    assert (interval.high - interval.value) / error == pytest.approx(factor, abs=5e-4)
    assert interval.value - interval.low == pytest.approx(interval.high - interval.value)


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 2.0, 2.5])
def test_p_values_of_seeds_are_scipys(threshold):
    found = compared(SEEDS, threshold)
    assert found.p_above == pytest.approx(ttest_1samp(SEEDS, threshold, alternative="greater")[1])
    assert found.p_below == pytest.approx(ttest_1samp(SEEDS, threshold, alternative="less")[1])
    assert found[:3] == t_interval(SEEDS)


def test_seeds_that_differ_by_rounding_alone_warn_of_nothing():
    found = compared(np.array([0.3, 0.1 + 0.2, 0.3]))
    assert found.value == pytest.approx(0.3)
    assert found.p_above < 1e-9 < 1 - 1e-9 < found.p_below


@pytest.mark.parametrize(("threshold", "above", "below"), [(0.1, 0, 1), (0.25, 1, 1), (0.3, 1, 0)])
def test_seeds_that_all_agree_are_certain(threshold, above, below):
    found = compared(np.full(4, 0.25), threshold)
    assert found == (0.25, 0.25, 0.25, above, below)


@pytest.mark.parametrize("differences", [np.array([3.0]), np.full((1, 50), 3.0)])
def test_one_seed_has_no_interval(differences):
    found = compared(differences)
    assert found.value == 3.0
    assert np.isnan(found[1:]).all()


def test_no_seed_has_nothing():
    assert np.isnan(against(np.empty(0), 0.0, None)).all()
    assert np.isnan(against(np.empty((0, 5)), 0.0, None)).all()


# The pigeonhole bootstrap


def all_resamples(count: int) -> list[tuple[int, ...]]:
    return list(itertools.product(range(count), repeat=count))


def enumerated(values: np.ndarray) -> np.ndarray:
    """The mean of every possible draw of rows and columns, each as likely as any other."""
    rows, columns = (all_resamples(n) for n in values.shape)
    return np.array([values[np.ix_(r, c)].mean() for r in rows for c in columns])


def owens_variance(values: np.ndarray) -> float:
    """Variance of the pigeonhole bootstrap's mean, from sums over rows, columns and cells.

    With rows R and columns C drawn independently, the mean is that of the rows' means plus that of
    the columns' plus that of the interactions, uncorrelated: Owen (2007), theorem 1 in components.
    """
    rows, columns = values.shape
    row = values.mean(axis=1) - values.mean()
    column = values.mean(axis=0) - values.mean()
    rest = values - values.mean() - row[:, None] - column
    return row.var() / rows + column.var() / columns + rest.var() / (rows * columns)


SMALL = np.random.default_rng(3).normal(0, [1.0, 4.0, 2.0], (4, 3)) + np.arange(4)[:, None]


def test_two_routes_to_owens_variance_agree():
    assert enumerated(SMALL).var() == pytest.approx(owens_variance(SMALL), rel=1e-12)


def test_the_pigeonhole_bootstrap_has_owens_variance():
    means = pigeonhole(SMALL, 100_000, np.random.default_rng(0))
    truth = enumerated(SMALL)
    assert means.mean() == pytest.approx(truth.mean(), abs=5 * truth.std() / np.sqrt(len(means)))
    assert means.var() == pytest.approx(owens_variance(SMALL), rel=0.03)
    quantiles = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(
        np.quantile(means, quantiles), np.quantile(truth, quantiles), atol=0.05 * truth.std()
    )


@pytest.mark.parametrize("sds", [(0.0, 0.0), (3.0, 0.0), (0.0, 20.0), (1.0, 5.0)])
def test_the_pigeonhole_bootstrap_sees_both_sources(sds):
    values = crossed(seed_sd=sds[0], example_sd=sds[1])
    means = pigeonhole(values, 4_000, np.random.default_rng(0))
    assert means.var() == pytest.approx(owens_variance(values), rel=0.15)


def test_example_means_are_those_of_naive_resampling():
    values = crossed(seeds=3, examples=40)
    ours = example_means(values, 20_000, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    naive = np.array([values[:, rng.integers(40, size=40)].mean(axis=1) for _ in range(20_000)])
    assert ours.shape == naive.shape
    error = naive.std(axis=0) / np.sqrt(len(naive))
    np.testing.assert_array_less(np.abs(ours.mean(axis=0) - naive.mean(axis=0)), 7 * error)
    np.testing.assert_allclose(np.cov(ours.T), np.cov(naive.T), rtol=0.05, atol=0.01)


def test_rows_share_the_draw_of_examples():
    row = np.random.default_rng(0).normal(size=50)
    means = example_means(np.stack([row, row + 7]), 500, np.random.default_rng(0))
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 7)
    assert means[:, 0].std() > 0.1


def test_drawing_in_chunks_changes_nothing_but_the_draws(monkeypatch):
    values = crossed(seeds=2, examples=30)
    monkeypatch.setattr(statistics, "_CHUNK", 70)  # two replicates at a time, and one left over
    means = example_means(values, 501, np.random.default_rng(0))
    assert means.shape == (501, 2)
    np.testing.assert_allclose(means.mean(axis=0), values.mean(axis=1), atol=0.3)


def test_a_group_is_drawn_as_each_alone_would_be():
    """In spread and centre; the examples' draws are one another's."""
    first, second = crossed(), crossed(seeds=4, seed_sd=3, key=1) + 10
    means = replicates([first, SEEDS, second])
    assert means[1] is None
    for values, ours in ((first, means[0]), (second, means[2])):
        alone = pigeonhole(values, statistics.REPLICATES, np.random.default_rng(5))
        assert ours is not None
        assert ours.mean() == pytest.approx(alone.mean(), abs=6 * alone.std() / 100)
        assert ours.std() == pytest.approx(alone.std(), rel=0.05)


def test_differences_of_other_examples_are_drawn_on_their_own():
    group = [crossed(examples=50), crossed(examples=60), crossed(examples=50, key=2)]
    means = replicates(group)
    for values, ours in zip(group, means, strict=True):
        assert ours is not None
        assert ours.mean() == pytest.approx(values.mean(), abs=0.1)
    np.testing.assert_array_equal(replicates(group[1:2])[0], means[1])


def test_several_thresholds_need_the_replicates_once():
    values = crossed() + 1
    (means,) = replicates([values])
    for threshold in (-2.0, 0.0, 1.0):
        assert against(values, threshold, means) == compared(values, threshold)


# The more cautious of the two routes


@pytest.mark.parametrize(
    ("sds", "route"), [({"seed_sd": 3, "example_sd": 1}, "t"), ({"seed_sd": 0.01}, "bootstrap")]
)
def test_the_wider_interval_and_the_larger_p_value_are_shown(sds, route):
    values = crossed(**sds) + 0.5
    means = pigeonhole(values, statistics.REPLICATES, np.random.default_rng(0))
    of_seeds = values.mean(axis=1)
    ends = {"t": t_interval(of_seeds), "bootstrap": quantile_interval(values.mean(), means)}
    p = {
        "t": ttest_1samp(of_seeds, 0, alternative="greater")[1],
        "bootstrap": np.mean(means <= 0),
    }
    found = compared(values)
    assert max(ends, key=lambda name: ends[name].high - ends[name].low) == route
    np.testing.assert_allclose(found[1:3], ends[route][1:], rtol=1e-6)
    assert found.p_above == pytest.approx(max(p.values()), abs=2e-4)


def test_examples_alone_can_make_a_difference_doubtful():
    """Seeds that agree say nothing of other examples: t over seeds would be certain."""
    values = crossed(seed_sd=0.01, examples=100)
    values += 0.5 - values.mean()
    assert ttest_1samp(values.mean(axis=1), 0, alternative="greater")[1] < 1e-3
    assert compared(values).p_above > 0.05


def test_the_bootstraps_p_value_is_never_zero():
    found = compared(crossed(seed_sd=0.01) + 100)
    assert found.p_above == pytest.approx(1 / (statistics.REPLICATES + 1))
    assert found.p_below == 1


def test_turning_the_sign_turns_the_comparison():
    values = crossed() + 0.3
    plus, minus = compared(values, 0.2), compared(-values, -0.2)
    assert minus.value == pytest.approx(-plus.value)
    np.testing.assert_allclose((minus.low, minus.high), (-plus.high, -plus.low))
    np.testing.assert_allclose((minus.p_above, minus.p_below), (plus.p_below, plus.p_above))


def test_single_precision_loses_nothing():
    values = (crossed() + 5_000).astype(np.float32)
    np.testing.assert_allclose(compared(values), compared(values.astype(np.float64)), rtol=1e-12)


def test_the_same_call_gives_the_same_numbers():
    assert compared(crossed()) == compared(crossed())
    assert compared(crossed()) != compared(crossed(), seed=1)


def test_wider_takes_the_longer():
    short, long = statistics.Interval(0, -1, 1), statistics.Interval(0, -0.5, 2)
    assert wider(short, long) == wider(long, short) == long


# Many tests


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.02], [0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.01, 0.011], [0.02, 0.02]),  # the second is not below the first
        ([0.01, np.nan, 0.02], [0.02, np.nan, 0.02]),
        ([], []),
    ],
)
def test_holm_by_hand(p, adjusted):
    np.testing.assert_allclose(holm(p), adjusted)


P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(P_VALUES, st.sampled_from([0.01, 0.025, 0.05, 0.2]))
def test_holm_rejects_what_its_step_down_rejects(p, level):
    rejected = set()
    for step, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[i] * (len(p) - step) > level:
            break
        rejected.add(i)
    assert set(np.flatnonzero(holm(p) <= level)) == rejected


@given(P_VALUES)
def test_holm_keeps_the_order_and_lowers_nothing(p):
    adjusted = holm(p)
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    assert (adjusted <= np.minimum(1, len(p) * np.array(p)) + 1e-15).all()


def test_holm_keeps_the_families_error_at_its_level():
    p = np.random.default_rng(0).uniform(size=(4_000, 5))
    false = sum(bool((holm(row) <= 0.05).any()) for row in p)
    assert wilson(false, len(p)).low <= 0.05
    assert (p <= 0.05).any(axis=1).mean() > 0.2  # what it is without


# Equivalence


def equivalences(mean: float, count: int = 2_000) -> float:
    rng = np.random.default_rng(0)
    draws = rng.normal(mean, 0.5, (count, 6))
    return float(np.mean([equivalent(values, 1.0) <= 0.05 for values in draws]))


@pytest.mark.parametrize("mean", [-1.0, 1.0])
def test_equivalence_is_claimed_falsely_at_most_at_its_level(mean):
    share = equivalences(mean)
    assert wilson(round(2_000 * share), 2_000).low <= 0.05
    assert share > 0.03  # the level is used


def test_equivalence_is_found_where_there_is_one():
    assert equivalences(0.0) > 0.95
    assert equivalences(2.0) == 0


def test_equivalence_at_a_level_is_the_interval_inside_the_margin():
    for values in np.random.default_rng(1).normal(0.3, 0.6, (200, 6)):
        interval = t_interval(values, 0.90)
        inside = interval.low > -1 and interval.high < 1
        assert (equivalent(values, 1.0) < 0.05) == inside


# Shares


def test_wilson_of_five_in_six():
    value, low, high = wilson(5, 6)
    assert value == pytest.approx(5 / 6)
    assert (round(low, 2), round(high, 2)) == (0.44, 0.97)


@pytest.mark.parametrize("successes", [0, 1, 37, 50])
def test_wilson_inverts_the_score_test(successes):
    """At each end the observed share is z standard errors, of that end, away."""
    share, *ends = wilson(successes, 50)
    for end in ends:
        distance = abs(share - end)
        assert distance == pytest.approx(norm.ppf(0.975) * np.sqrt(end * (1 - end) / 50), abs=1e-9)


def test_wilson_of_nothing_says_nothing():
    value, low, high = wilson(0, 0)
    assert np.isnan(value)
    assert (low, high) == (0, 1)


# The additive design


def design_values(sizes: np.ndarray, seeds: np.ndarray, present: np.ndarray) -> np.ndarray:
    return (sizes[:, None] + seeds)[present]


FULL = np.ones((4, 5), bool)
GAPS = FULL.copy()
GAPS[[0, 1, 3], [1, 1, 4]] = False


def test_a_balanced_design_gives_means_over_seeds():
    values = np.random.default_rng(0).normal(size=(4, 5))
    design = additive(FULL)
    np.testing.assert_allclose(design.weights @ values.ravel(), values.mean(axis=1))
    assert design.paired
    assert design.freedom == 3 * 4


def test_gaps_don_t_bias_the_effects():
    """Plain means would be off by the seeds that a size lacks."""
    sizes, seeds = np.array([10.0, 8.0, 7.0, 6.5]), np.array([-5.0, 9.0, 0.0, 1.0, -5.0])
    design = additive(GAPS)
    np.testing.assert_allclose(design.weights @ design_values(sizes, seeds, GAPS), sizes)
    plain = [(sizes[k] + seeds)[GAPS[k]].mean() for k in range(4)]
    assert np.abs(plain - sizes).max() > 1
    assert design.paired


def test_differences_are_free_of_what_seeds_share_whatever_it_is():
    design = additive(GAPS)
    sizes, seeds = np.array([3.0, 2.0, 1.0, 0.0]), np.array([50.0, 60.0, 70.0, 80.0, 95.0])
    effects = design.weights @ design_values(sizes, seeds, GAPS)
    np.testing.assert_allclose(np.diff(effects), -1)


@pytest.mark.parametrize("present", [FULL, GAPS], ids=["full", "gaps"])
def test_fitted_is_the_projection_on_the_design(present):
    fitted = additive(present).fitted
    np.testing.assert_allclose(fitted @ fitted, fitted, atol=1e-12)
    np.testing.assert_allclose(fitted, fitted.T, atol=1e-12)
    cells = present.sum()
    assert np.trace(fitted) == pytest.approx(cells - additive(present).freedom)
    values = design_values(np.arange(4.0), np.arange(5.0) ** 2, present)
    np.testing.assert_allclose(fitted @ values, values, atol=1e-10)


def test_effects_are_least_squares():
    values = np.random.default_rng(0).normal(size=GAPS.sum())
    rows, columns = np.nonzero(GAPS)
    dummies = np.hstack([np.eye(4)[rows], np.eye(5)[columns]])
    best = dummies @ np.linalg.lstsq(dummies, values)[0]
    np.testing.assert_allclose(additive(GAPS).fitted @ values, best, atol=1e-12)


def test_sizes_without_a_common_seed_are_not_paired():
    apart = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], bool)
    design = additive(apart)
    assert not design.paired
    assert design.freedom == 2
    np.testing.assert_allclose(design.weights @ np.array([1.0, 3.0, 10.0, 20.0]), [2, 15])


@pytest.mark.parametrize("absent", [0, 2, 4])
def test_a_seed_of_no_size_changes_nothing(absent):
    present = np.insert(GAPS, absent, False, axis=1)
    for ours, other in zip(additive(present), additive(GAPS), strict=True):
        np.testing.assert_allclose(ours, other)


@pytest.mark.parametrize(
    ("shape", "freedom"), [((1, 1), 0), ((1, 6), 0), ((2, 1), 0), ((2, 2), 1), ((5, 6), 20)]
)
def test_degrees_of_freedom_are_what_effects_leave(shape, freedom):
    assert additive(np.ones(shape, bool)).freedom == freedom
