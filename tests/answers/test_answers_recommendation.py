import dataclasses
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from latentsweep.answers import recommendation
from latentsweep.answers.absurd import told_apart
from latentsweep.answers.losses import Losses
from latentsweep.answers.recommendation import SHARES, Rule, recommend

UNITS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Noise:
    """Standard deviations: of examples, of examples at a size, of seeds, of a network."""

    example: float = 3.0
    paired: float = 0.1
    seed: float = 0.0
    residual: float = 0.02


def simulated(effects, seeds=3, noise=None, *, without=100.0, examples=100, draw=0):
    """Losses of sizes 1, 2, ..., whose true means are `effects`; without a latent, `without`."""
    rng, noise, count = np.random.default_rng(draw), noise or Noise(), len(effects)
    example = noise.example * rng.normal(size=examples)
    values = (
        np.reshape(effects, (count, 1, 1))
        + noise.seed * rng.normal(size=(1, seeds, 1))
        + noise.residual * rng.normal(size=(count, seeds, 1))
        + example
        + noise.paired * rng.normal(size=(count, 1, examples))
        + noise.paired / 2 * rng.normal(size=(count, seeds, examples))
    )
    none = None
    if without is not None:
        none = without + example + noise.paired * rng.normal(size=examples)
    return Losses(tuple(range(1, count + 1)), tuple(range(seeds)), values, none)


def plateau(first, count=8, gain=10.0):
    """True means that fall by equal steps down to the size `first`, and stay."""
    return 100 - gain * np.minimum(np.arange(1, count + 1) / first, 1)


def lacking(losses, *gone):
    """The losses without some networks, each a place of its size and of its seed."""
    values = losses.values.copy()
    for cell in gone:
        values[cell] = np.nan
    return dataclasses.replace(losses, values=values)


def column(found, name):
    return np.array([getattr(row, name) for row in found.rows])


def wilson_high(count, trials):
    return stats.binomtest(count, trials).proportion_ci(0.95, method="wilson").high


@pytest.fixture
def few_replicates(monkeypatch):
    """Where many recommendations are judged together, or the bounds do not matter."""
    monkeypatch.setattr(recommendation, "REPLICATES", 400)


@pytest.mark.parametrize("first", range(1, 8))
def test_with_little_noise_the_answer_is_where_the_plateau_begins(first, few_replicates):
    found = recommend(simulated(plateau(first)))
    assert found.status == "ok"
    assert (found.latent_size, found.low, found.high) == (first, first, first)
    assert column(found, "verdict").tolist() == ["too small"] * (first - 1) + ["enough"] * (
        9 - first
    )
    assert found.cumulative()[first] > 0.95 > found.cumulative().get(first - 1, 0)
    assert found.best >= first
    assert found.gain_is_known


@pytest.mark.parametrize("share", [0.01, 0.03])
def test_delta_is_a_share_of_the_gain_and_rows_are_means(share, few_replicates):
    losses = simulated(plateau(4))
    found = recommend(losses, Rule(share))
    means = losses.values.mean(axis=(1, 2))
    gain = losses.no_latent.mean() - means.min()
    assert found.gain == pytest.approx(gain)
    assert found.delta == pytest.approx(share * gain)
    assert found.best == 1 + means.argmin()
    np.testing.assert_allclose(column(found, "loss"), means)
    np.testing.assert_allclose(column(found, "behind"), means - means.min(), atol=1e-12)
    assert set(column(found, "seeds")) == {3}


def test_the_share_is_of_the_gain_whatever_the_loss_is(few_replicates):
    """A step of 2 % of the gain is a hundred-thousandth of the loss, and yet too much."""
    losses = simulated(1e5 + np.array([-9.8, -10, -10, -10]), without=1e5)
    found = recommend(losses)
    assert found.delta == pytest.approx(0.1, abs=0.01)
    assert found.latent_size == 2
    assert recommend(losses, Rule(0.04)).latent_size == 1


@given(UNITS, st.sampled_from([0.001, 3.0, 1e4]), st.sampled_from([-1e4, 0.0, 777.0]))
@settings(max_examples=10, deadline=None)
def test_another_unit_of_the_loss_changes_nothing_else(draw, scale, shift):
    recommendation_count = 200
    losses = simulated(plateau(3, 5), noise=Noise(residual=0.2), draw=draw)
    other = dataclasses.replace(
        losses,
        values=scale * losses.values + shift,
        no_latent=scale * losses.no_latent + shift,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recommendation, "REPLICATES", recommendation_count)
        one, two = recommend(losses), recommend(other)
    for name in ("delta", "gain", "gain_low"):
        assert getattr(two, name) == pytest.approx(scale * getattr(one, name), rel=1e-6)
    for name in ("behind", "low", "high"):
        np.testing.assert_allclose(
            column(two, name), scale * column(one, name), rtol=1e-6, atol=1e-6 * scale
        )
    for name in ("verdict", "probability", "seeds_would_decide", "seeds"):
        assert column(two, name).tolist() == column(one, name).tolist()
    for name in ("status", "latent_size", "low", "high", "best", "at_shares"):
        assert getattr(two, name) == getattr(one, name)


def test_the_order_of_seeds_and_examples_does_not_matter():
    losses = simulated(plateau(3), noise=Noise(residual=0.1))
    rng = np.random.default_rng(0)
    seeds, examples = rng.permutation(3), rng.permutation(100)
    other = dataclasses.replace(
        losses,
        values=losses.values[:, seeds][:, :, examples],
        no_latent=losses.no_latent[examples],
    )
    one, two = recommend(losses), recommend(other)
    for name in ("loss", "behind"):
        np.testing.assert_allclose(column(one, name), column(two, name), atol=1e-10)
    for name in ("low", "high"):  # other draws of the same noise
        np.testing.assert_allclose(column(one, name), column(two, name), atol=0.05)
    np.testing.assert_allclose(column(one, "probability"), column(two, "probability"), atol=0.05)
    assert (one.status, one.best) == (two.status, two.best)


def by_dummies(losses):
    """Effects of sizes by least squares with a column of ones for each size and each seed."""
    rows, columns = np.nonzero(losses.present)
    design = np.zeros((len(rows), len(losses.sizes) + len(losses.seeds)))
    design[np.arange(len(rows)), rows] = 1
    design[np.arange(len(rows)), len(losses.sizes) + columns] = 1
    means = losses.values[losses.present].mean(axis=1)
    solution, *_ = np.linalg.lstsq(design, means)
    return solution[: len(losses.sizes)], means - design @ solution


@given(UNITS)
@settings(max_examples=15, deadline=None)
def test_gaps_are_filled_by_least_squares(draw):
    rng = np.random.default_rng(draw)
    losses = simulated(plateau(4, 6), 4, Noise(seed=5.0), draw=draw)
    gone = [(k, s) for k in range(6) for s in range(1, 4) if rng.random() < 0.3 and k]
    losses = lacking(losses, *gone)
    apart = told_apart(losses)
    assume(not apart.examples and not apart.networks)  # these have no part in the fit
    effects, _ = by_dummies(losses)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recommendation, "REPLICATES", 50)
        found = recommend(losses)
    np.testing.assert_allclose(column(found, "behind"), effects - effects.min(), atol=1e-8)
    assert column(found, "seeds").tolist() == losses.present.sum(axis=1).tolist()


@pytest.mark.parametrize("gone", [[], [(0, 2), (3, 1), (5, 0)]], ids=["balanced", "unbalanced"])
def test_what_a_seed_adds_to_all_sizes_does_not_matter(gone):
    losses = lacking(simulated(plateau(4, 6), noise=Noise(residual=0.1)), *gone)
    added = np.array([50.0, -80.0, 30.0])  # in the mean nothing
    other = dataclasses.replace(losses, values=losses.values + added[:, None])
    one, two = recommend(losses), recommend(other)
    for name in ("behind", "low", "high", "loss"):
        np.testing.assert_allclose(column(one, name), column(two, name), atol=1e-9)
    assert column(one, "verdict").tolist() == column(two, "verdict").tolist()
    assert one.delta == pytest.approx(two.delta)


def test_without_common_seeds_sizes_are_means_of_their_own():
    losses = simulated(plateau(2, 3), 6, Noise(seed=1.0))
    own = lacking(losses, *[(k, s) for k in range(3) for s in range(6) if s // 2 != k])
    found = recommend(own)
    expected = [losses.values[k, 2 * k : 2 * k + 2].mean() for k in range(3)]
    np.testing.assert_allclose(column(found, "loss"), expected)
    # The seeds' differences are noise then: bounds ten times as wide as theirs who share seeds.
    assert found.rows[1].high > 10 * recommend(losses).rows[1].high


def test_a_network_that_failed_is_one_that_was_not_trained():
    losses = simulated(plateau(3, 6), 4)
    failed = lacking(losses, *[(k, 3) for k in range(6)], *[(5, s) for s in range(4)])
    smaller = Losses(losses.sizes[:5], (0, 1, 2), losses.values[:5, :3], losses.no_latent)
    assert recommend(failed) == recommend(smaller)
    assert recommend(failed).sizes == [1, 2, 3, 4, 5]


def test_bounds_of_two_sizes_are_those_of_a_paired_t_test():
    """With no noise of examples: the seeds' differences, their mean and Student's t."""
    noise = Noise(example=0, paired=0, seed=2.0, residual=0.3)
    losses = simulated([95.0, 90.0], 5, noise)
    differences = losses.values[0, :, 0] - losses.values[1, :, 0]
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.90)
    row = recommend(losses).rows[0]
    assert row.behind == pytest.approx(differences.mean())
    reach = interval.high - differences.mean()
    assert row.high == pytest.approx(interval.high, abs=0.06 * reach)
    assert row.low == pytest.approx(interval.low, abs=0.06 * reach)


def test_the_noise_of_training_is_pooled_over_the_sizes_near_the_best():
    """Two-way analysis of variance of eight sizes, by least squares; the best stands apart."""
    noise = Noise(example=0, paired=0, seed=2.0, residual=0.05)
    losses = simulated([90] + [90.3] * 7, 2, noise)
    effects, rest = by_dummies(losses)
    freedom = 7  # 16 networks less 8 sizes and 1 difference of seeds
    error = np.sqrt(rest @ rest / freedom) * np.sqrt(2 / 2)
    reach = stats.t.ppf(0.95, freedom) * error
    found = recommend(losses)
    np.testing.assert_allclose(
        column(found, "high")[1:], (effects - effects.min())[1:] + reach, atol=0.07 * reach
    )


def test_small_networks_far_behind_have_a_spread_of_their_own():
    noise = Noise(example=0, paired=0, residual=0.01)
    losses = simulated([70, 60, 50] + [40] * 5, noise=noise)
    wild = losses.values.copy()
    wild[:3] += 3 * np.random.default_rng(0).normal(size=(3, 3, 1))
    calm, found = recommend(losses), recommend(dataclasses.replace(losses, values=wild))
    np.testing.assert_allclose(column(found, "high")[3:], column(calm, "high")[3:], atol=0.02)
    assert (column(found, "high") - column(found, "behind"))[:3].min() > 1
    assert found.latent_size == 4


def test_where_the_nearest_sizes_show_no_noise_it_is_taken_from_all():
    """One network each of two sizes, two each of others: a residual is there, if but one."""
    losses = simulated([95, 90, 89, 88], 2, Noise(residual=0.3))
    found = recommend(lacking(losses, (1, 1), (2, 1)))
    assert found.status != "too few seeds"
    assert (column(found, "high") - column(found, "low") > 0.1).all()


def test_bounds_from_examples_alone_are_those_of_the_mean_of_differences():
    noise = Noise(residual=0, paired=2.0)
    losses = simulated([95.0, 90.0], 1, noise, examples=400)
    twice = Losses((1, 2), (0, 1), np.repeat(losses.values, 2, axis=1), losses.no_latent)
    differences = (losses.values[0] - losses.values[1]).ravel()
    reach = stats.norm.ppf(0.95) * differences.std() / np.sqrt(400)
    row = recommend(twice).rows[0]
    assert row.high - row.behind == pytest.approx(reach, rel=0.06)
    assert row.behind - row.low == pytest.approx(reach, rel=0.06)


def test_how_hard_an_example_is_for_all_networks_does_not_matter():
    losses = simulated(plateau(4, 6))
    hard = np.where(np.arange(100) % 7, 0.0, 1000.0)
    harder = Losses(losses.sizes, losses.seeds, losses.values + hard, losses.no_latent + hard)
    one, two = recommend(losses), recommend(harder)
    for name in ("behind", "low", "high"):
        np.testing.assert_allclose(column(one, name), column(two, name), atol=1e-9)


def test_more_seeds_and_more_examples_narrow_the_bounds(few_replicates):
    def reach(**given_):
        many = [recommend(simulated(plateau(3, 5), draw=draw, **given_)) for draw in range(8)]
        return np.mean([row.high - row.low for found in many for row in found.rows])

    seeds = [reach(seeds=count, noise=Noise(residual=0.3)) for count in (2, 4, 12)]
    assert seeds[0] > 1.4 * seeds[1] > 1.4**2 * seeds[2]
    examples = [reach(examples=n, noise=Noise(paired=2, residual=0.01)) for n in (100, 900)]
    assert examples[0] == pytest.approx(3 * examples[1], rel=0.25)


def judged(effects, trials, seeds, noise, rule=recommendation.USUAL, **given_):
    """Recommendations of as many simulated studies."""
    return [
        recommend(simulated(effects, seeds, noise, draw=draw, **given_), rule, seed=draw)
        for draw in range(trials)
    ]


@pytest.mark.parametrize(
    ("seeds", "noise"),
    [(3, Noise(residual=0.1)), (2, Noise(residual=0.02, paired=0.4))],
    ids=["training", "examples"],
)
def test_a_size_behind_by_exactly_delta_is_seldom_enough(seeds, noise, few_replicates):
    trials = 200
    found = judged([95, 90.1, 90, 90.3], trials, seeds, noise)
    enough = sum(each.row(2).verdict == "enough" for each in found)
    assert 0 < enough <= 0.06 * trials
    assert wilson_high(enough, trials) < 0.10


@pytest.mark.parametrize(
    ("seeds", "noise"),
    [
        (2, Noise(residual=0.05)),
        (2, Noise(residual=0.3)),
        (3, Noise(residual=0.02, paired=1.0)),
    ],
    ids=["little", "training", "examples"],
)
def test_of_many_equal_sizes_the_luckiest_is_no_better_and_the_set_covers_the_first(
    seeds, noise, few_replicates
):
    """Eight equal sizes, from 3 on: whichever seems best, 3 is not too small for it."""
    trials = 120
    found = judged([95, 92, *[90] * 8], trials, seeds, noise)
    too_small = sum(each.row(3).verdict == "too small" for each in found)
    assert wilson_high(too_small, trials) < 0.10
    assert {each.status for each in found} <= {"ok", "undecided"}
    assert np.mean([each.low <= 3 <= each.high for each in found]) >= 0.9
    assert all(each.row(1).verdict == "too small" for each in found)
    assert len({each.best for each in found}) >= 6


@pytest.mark.parametrize("seed_noise", [0.0, 0.3])
def test_the_luck_of_the_best_of_many_is_nothing_to_encode(seed_noise, few_replicates):
    """Nothing is gained at any size, in truth; what seeds add to all sizes is luck as well."""
    trials = 120
    noise = Noise(residual=0.1, seed=seed_noise)
    counts = Counter(each.status for each in judged([100] * 5, trials, 3, noise))
    assert wilson_high(trials - counts["nothing to encode"], trials) < 0.12


def test_a_gain_however_small_is_something_if_it_is_sure(few_replicates):
    found = recommend(simulated([100, 99.9, 99.8, 99.8], noise=Noise(residual=0.001, paired=0.01)))
    assert found.status == "ok"
    assert found.latent_size == 3
    assert 0 < found.gain_low < found.gain < 0.25


def test_a_wild_size_does_not_hide_a_gain(few_replicates):
    losses = simulated([500, 95, 90, 90])
    wild = losses.values.copy()
    wild[0] += np.array([-200.0, 0, 200])[:, None]
    found = recommend(dataclasses.replace(losses, values=wild))
    assert found.status == "ok"
    assert found.gain_low == pytest.approx(10, abs=0.5)


def test_seeds_would_decide_what_the_noise_of_training_leaves_open(few_replicates):
    training = recommend(simulated(plateau(4), noise=Noise(residual=0.3, paired=0.01)))
    examples = recommend(simulated(plateau(4), noise=Noise(residual=0.001, paired=3.0)))
    for found, decided in ((training, True), (examples, False)):
        undecided = [row for row in found.rows if row.verdict == "undecided"]
        assert len(undecided) >= 3
        assert {row.seeds_would_decide for row in undecided} == {decided}


def test_an_undecided_size_is_between_the_bounds_of_what_is_enough(few_replicates):
    found = recommend(simulated(plateau(4), noise=Noise(residual=0.3)))
    assert found.status == "undecided"
    assert found.latent_size is None
    assert found.low <= found.best
    for row in found.rows:
        assert (row.verdict == "too small") == (
            row.low > found.delta and row.latent_size < found.best
        )
        assert (row.verdict == "enough") == (row.high <= found.delta)


def test_the_set_is_the_middle_90_percent_and_all_that_is_not_too_small(few_replicates):
    """Both ends are read from the cumulative probabilities; the lower one may be a verdict's."""
    lower = Counter()
    for found in judged(plateau(4), 30, 2, Noise(residual=0.2)):
        sums = {**found.cumulative(), 8: 1.0}
        possible = min(row.latent_size for row in found.rows if row.verdict != "too small")
        likely = min(size for size, p in sums.items() if p > 0.05)
        ends = [min(possible, likely), min(size for size, p in sums.items() if p >= 0.95)]
        if found.latent_size is not None:
            ends = [min(ends[0], found.latent_size), max(ends[1], found.latent_size)]
        assert [found.low, found.high] == ends
        lower[np.sign(possible - likely)] += 1
    assert lower[-1] > 2  # the verdict decides at times
    assert lower[0] > 2


def test_a_size_past_the_best_that_is_behind_is_too_large(few_replicates):
    found = recommend(simulated([95, 90, 90, 91, 92]))
    assert column(found, "verdict").tolist() == ["too small", *["enough"] * 2, *["too large"] * 2]
    assert found.latent_size == 2


@pytest.mark.parametrize(
    ("limit", "status"),
    [(None, "no plateau yet"), (9, "no plateau yet"), (8, "every size keeps helping")],
)
def test_without_a_plateau_no_size_is_named(limit, status, few_replicates):
    found = recommend(simulated(plateau(100)), limit=limit)
    assert found.status == status
    assert (found.latent_size, found.low, found.high) == (None, None, None)
    assert found.best == 8
    assert {row.verdict for row in found.rows[:-1]} == {"too small"}
    assert set(found.at_shares.values()) == {None}


def test_the_largest_may_be_the_best_by_luck(few_replicates):
    """Three equal sizes: that the last of them seems best is no sign that a larger one helps."""
    found = judged(plateau(3, 5), 30, 2, Noise(residual=0.15))
    assert {each.status for each in found} == {"ok", "undecided"}
    assert sum(each.best == 5 for each in found) >= 5
    assert all(each.latent_size != 5 for each in found)


def test_nothing_to_encode(few_replicates):
    found = recommend(simulated([100.3] * 4))
    assert found.status == "nothing to encode"
    assert found.gain_low < found.gain < 0
    assert found.delta == 0
    assert (found.latent_size, found.low, found.high, found.at_shares) == (None, None, None, {})


def test_one_seed_judges_nothing(few_replicates):
    found = recommend(simulated(plateau(4), 1))
    assert found.status == "too few seeds"
    assert set(column(found, "verdict")) == {"undecided"}
    assert (found.latent_size, found.low, found.high, found.at_shares) == (None, None, None, {})
    assert recommend(simulated(plateau(4), 1), Rule(target=95)).status == "too few seeds"


def test_one_size_is_not_compared(few_replicates):
    for rule in (Rule(), Rule(target=95)):
        found = recommend(simulated([90.0]), rule)
        assert found.status == "one size"
        assert (found.latent_size, found.sizes) == (None, [1])


def test_a_target_is_met_by_the_smallest_size_whose_bound_is_below_it(few_replicates):
    losses = simulated([98, 96, 94, 92, 90], noise=Noise(example=0.1), without=None)
    found = recommend(losses, Rule(target=95))
    assert (found.status, found.latent_size, found.low, found.high) == ("ok", 3, 3, 3)
    means = losses.values.mean(axis=(1, 2))
    np.testing.assert_allclose(column(found, "behind"), means - 95)
    assert column(found, "verdict").tolist() == ["too small"] * 2 + ["enough"] * 3
    assert found.at_shares == {}
    assert recommend(losses, Rule(target=90.5)).latent_size == 5  # the largest may be it


def test_a_target_that_no_size_reaches(few_replicates):
    losses = simulated([98, 96, 97, 98], noise=Noise(example=0.1))
    found = recommend(losses, Rule(target=90))
    assert found.status == "target not reached"
    assert (found.latent_size, found.low, found.high) == (None, None, None)
    assert set(column(found, "verdict")) == {"too small"}  # those past the best are not too large
    past = recommend(losses, Rule(target=96.5))
    assert column(past, "verdict").tolist() == ["too small", "enough", "too large", "too large"]


@pytest.mark.parametrize("noise", [Noise(0.1, residual=0.1), Noise(0.1, seed=0.5)])
def test_a_size_exactly_on_the_target_seldom_meets_it(noise, few_replicates):
    trials = 250
    found = judged([105, 100, 95], trials, 3, noise, Rule(target=100))
    met = sum(each.row(2).verdict == "enough" for each in found)
    assert met > 0
    assert wilson_high(met, trials) < 0.10


def test_without_the_loss_of_no_latent_the_gain_is_from_the_smallest_size(few_replicates):
    noise = Noise(paired=0.01, seed=5.0, residual=0.001)
    losses = lacking(simulated(plateau(4), noise=noise, without=None), (0, 0), (3, 1))
    effects, _ = by_dummies(losses)
    found = recommend(losses)
    assert not found.gain_is_known
    assert found.gain == pytest.approx(effects[0] - effects.min())
    assert found.delta == pytest.approx(0.01 * found.gain)
    assert (found.status, found.latent_size) == ("ok", 4)


def test_without_the_loss_of_no_latent_equal_sizes_are_undecided(few_replicates):
    """There may be something to encode that the smallest size encodes."""
    found = recommend(simulated([90.0, 90.0, 90.0], without=None))
    assert found.best > 1
    assert found.status == "undecided"


def test_without_the_loss_of_no_latent_a_smallest_size_that_is_best_has_no_gain(few_replicates):
    losses = simulated([90.0, 90.5, 91.0])
    found = recommend(dataclasses.replace(losses, no_latent=None))
    assert (found.status, found.best, found.gain, found.delta) == ("no gain known", 1, 0, 0)
    assert (found.latent_size, found.low, found.high, found.at_shares) == (None, None, None, {})
    assert recommend(losses).latent_size == 1


def test_a_larger_share_asks_for_no_more_dimensions(few_replicates):
    effects = 100 - 10 * (1 - 0.45 ** np.arange(1, 11))  # 0.8 % is left at 6, 1.8 % at 5
    found = recommend(simulated(effects, noise=Noise(residual=0.005, paired=0.02)))
    assert found.at_shares == {0.005: 7, 0.01: 6, 0.02: 5}
    assert tuple(found.at_shares) == SHARES
    assert found.latent_size == 6


def test_the_same_seed_gives_the_same_answer(few_replicates):
    losses = simulated(plateau(4), noise=Noise(residual=0.3))
    assert recommend(losses, seed=3) == recommend(losses, seed=3)
    other = recommend(losses, seed=4)
    assert column(other, "high").tolist() != column(recommend(losses, seed=3), "high").tolist()
    assert column(other, "behind").tolist() == column(recommend(losses, seed=3), "behind").tolist()


def test_sizes_just_below_one_that_were_not_tried():
    sizes = (2, 3, 7, 8)
    losses = dataclasses.replace(simulated(plateau(3, 4)), sizes=sizes)
    found = recommend(losses)
    assert [found.untried_below(size) for size in sizes] == [[1], [], [4, 5, 6], []]
    assert found.row(7) is found.rows[2]
    assert list(found.cumulative()) == list(sizes)


@st.composite
def any_losses(draw):
    """Losses of any kind, networks missing among them; each size has one at least."""
    rng = np.random.default_rng(draw(UNITS))
    count, seeds = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    effects = rng.normal(size=count) * draw(st.sampled_from([0.0, 0.01, 1.0, 30.0]))
    noise = Noise(*rng.choice([0.0, 0.01, 0.3, 5.0], 4))
    without = draw(st.sampled_from([None, -3.0, 0.0, 5.0]))
    losses = simulated(effects, seeds, noise, without=without, draw=draw(UNITS), examples=20)
    gone = [(k, s) for k in range(count) for s in range(seeds) if rng.random() < 0.2]
    sizes = np.sort(rng.choice(np.arange(1, 40), count, replace=False))
    losses = dataclasses.replace(losses, sizes=tuple(map(int, sizes)))
    return lacking(losses, *gone) if lacking(losses, *gone).present.any() else losses


RULES = st.sampled_from([Rule(), Rule(0.2), Rule(target=0.0), Rule(target=-2.0)])


@given(any_losses(), RULES, st.sampled_from([None, 1, 20, 40]))
@settings(max_examples=150, deadline=None)
def test_no_size_is_named_that_was_not_tried(losses, rule, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recommendation, "REPLICATES", 60)
        found = recommend(losses, rule, limit=limit)
    tried = [k for k, there in zip(losses.sizes, losses.present.any(axis=1), strict=True) if there]
    assert found.sizes == tried
    assert found.best in tried
    assert set(found.at_shares.values()) <= {None, *tried}
    assert (found.latent_size is not None) == (found.status == "ok")
    assert (found.low is None) == (found.high is None) == (found.status not in ("ok", "undecided"))
    if found.low is not None:
        assert {found.low, found.high} <= set(tried)
        assert found.low <= (found.latent_size or found.low) <= found.high
    sums = list(found.cumulative().values())
    assert sums == sorted(sums)
    assert -1e-12 <= sums[0] <= sums[-1] <= 1 + 1e-12
    for row in found.rows:
        assert np.isfinite([row.loss, row.behind, row.low, row.high]).all()
        assert row.low <= row.behind + 1e-9
    assert np.isfinite([found.delta, found.gain, found.gain_low]).all()
    if rule == Rule():
        assert found.at_shares.get(0.01) == found.latent_size
