"""Networks against the linear model of the same size."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from latentsweep.answers.linear import beside, linear_json
from latentsweep.answers.losses import Losses
from latentsweep.answers.recommendation import recommend
from latentsweep.show.words import evidence

EXAMPLES = 400


def losses(ahead, *, folds=1, seeds=2, curve=(10.0, 6.0, 5.0, 4.99, 4.98), spread=0.1, seed=0):
    """Losses of 1, 2 and 4 dimensions that are so far ahead of the linear model's."""
    rng = np.random.default_rng(seed)
    of_examples = rng.normal(size=(1, seeds if folds > 1 else 1, EXAMPLES))
    linear = np.array([6.0, 5.0, 4.98])[:, None, None] + of_examples
    linear = np.broadcast_to(linear, (3, seeds, EXAMPLES))
    noise = spread * rng.normal(size=linear.shape)
    values = linear - np.array(ahead)[:, None, None] + noise
    none = np.full((folds, EXAMPLES), 10.0) if folds > 1 else np.full(EXAMPLES, 10.0)
    known = None if curve is None else np.array(curve)
    numbers = tuple(range(seeds))
    return Losses((1, 2, 4), numbers, values, none, folds, linear=linear, linear_curve=known)


def linear_sentence(linear):
    return evidence.linear_sentence(linear_json(linear))


def losing_sentence(linear):
    return evidence.losing_sentence(linear_json(linear))


def told(given):
    return beside(given, recommend(given))


@pytest.mark.parametrize(
    ("ahead", "wins", "loses"),
    [
        ([0.0, 0.0, 0.0], (), ()),
        ([1.0, 0.5, 0.0], (1, 2), ()),
        ([0.0, -0.5, -1.0], (), (2, 4)),
        ([0.01, 0.01, -0.01], (), ()),  # reliable, but less than counts
    ],
)
def test_a_size_wins_or_loses_by_more_than_chance_and_than_counts(ahead, wins, loses):
    linear = told(losses(ahead))
    assert (linear.wins, linear.loses) == (wins, loses)
    assert (linear_sentence(linear) is None) == bool(wins)
    assert (losing_sentence(linear) is None) == (not loses)
    if loses:
        assert "2, 4" in losing_sentence(linear)


def test_what_is_noise_is_neither():
    linear = told(losses([1.0, 0.0, -1.0], spread=300.0))
    assert (linear.wins, linear.loses) == ((), ())


def test_one_seed_s_bounds_are_those_of_a_paired_t_test():
    given = losses([0.3, 0.2, 0.1], seeds=1)
    linear = beside(given, recommend(given))
    for place, each in enumerate(linear.sizes):
        pair = given.values[place, 0], given.linear[place, 0]
        interval = ttest_rel(*pair).confidence_interval(0.90)
        assert (each.low, each.high) == pytest.approx(tuple(interval), rel=1e-6)
        assert each.linear == pytest.approx(given.linear[place].mean())


def test_folds_have_examples_of_their_own():
    """Ten folds of 400 examples are 4,000 examples."""
    given = losses([0.3, 0.2, 0.1], folds=10, seeds=10)
    each = beside(given, recommend(given)).sizes[0]
    pair = given.values[0].ravel(), given.linear[0].ravel()
    interval = ttest_rel(*pair).confidence_interval(0.90)
    assert (each.low, each.high) == pytest.approx(tuple(interval), rel=1e-3)


def test_seeds_that_differ_widen_the_bounds():
    given = losses([0.3, 0.2, 0.1])
    given.values[:, 1] += 0.5
    quiet = told(losses([0.3, 0.2, 0.1])).sizes[0]
    loud = told(given).sizes[0]
    assert loud.high - loud.low > 5 * (quiet.high - quiet.low)


def test_the_number_of_components_is_by_the_rule_of_the_answer():
    """Of a gain of 5.02 nats: 3 components are within 0.05 of 4, 2 are 0.02 behind."""
    linear = told(losses([0.0, 0.0, 0.0]))
    assert linear.latent_size == 2
    sentence = "A linear model does as well here: principal components, 2 of them by the same rule."
    assert linear_sentence(linear) == sentence
    noise = told(losses([0.0, 0.0, 0.0], curve=(5.0, 5.1, 5.2)))
    assert linear_sentence(noise) is None


def test_linear_decoders_are_told_by_the_sizes_that_were_tried():
    given = losses([0.0, 0.0, 0.0], curve=None)
    given.linear.flags.writeable = True
    given.linear[[0, 2]] = np.nan
    linear = told(given)
    assert [each.latent_size for each in linear.sizes] == [2]
    assert "at 2 dimensions" in linear_sentence(linear)
    assert linear_json(linear)["latent_size"] is None


def test_without_a_linear_model_nothing_is_said():
    none = losses([0.0, 0.0, 0.0])
    plain = Losses(none.sizes, none.seeds, none.values, none.no_latent)
    assert told(plain) is None
    assert linear_sentence(None) is losing_sentence(None) is linear_json(None) is None
