"""The noise of means, where all seeds share their examples and where each has a fold of its own."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from latentsweep.answers import recommendation
from latentsweep.answers.losses import Losses
from latentsweep.answers.noise import drawn
from latentsweep.answers.recommendation import recommend
from latentsweep.answers.statistics import additive

FOLDS = 10


def folded(truth, rng, *, examples=8, rounds=1, paired=1.0, training=0.1):
    """Losses of sizes 1, 2, ...: noise of examples (of a fold, at a size) and of trainings.

    Examples are harder or easier at every size, and without a latent, alike.
    """
    count, seeds = len(truth), FOLDS * rounds
    fold = np.arange(seeds) % FOLDS
    level = 3 * rng.normal(size=(FOLDS, examples))
    of_size = paired * rng.normal(size=(count, FOLDS, examples))
    of_training = training * rng.normal(size=(count, seeds, 1))
    values = np.reshape(truth, (-1, 1, 1)) + (level + of_size)[:, fold] + of_training
    return Losses(tuple(range(1, count + 1)), tuple(range(seeds)), values, 100 + level, FOLDS)


def errors(losses, count=400):
    """Standard deviations of the replicates of L(1) - L(2): all noise, and that of examples."""
    every = np.ones(len(losses.sizes), bool)
    draws = drawn(losses, additive(losses.present), every, count, np.random.default_rng(0))
    return (np.std(each[:, 0] - each[:, 1]) for each in (draws.replicates, draws.quiet))


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize(("paired", "training"), [(1.0, 0.0), (0.5, 0.5)])
def test_replicates_vary_as_means_over_folds_and_trainings_do(rounds, paired, training):
    """Var(L(1) - L(2)) = 2 (paired^2 / examples + training^2 / seeds): repeats add no example."""
    rng, examples = np.random.default_rng(1), 8
    truth, all_noise, quiet = np.zeros(12), [], []
    for _ in range(8):
        losses = folded(truth, rng, rounds=rounds, paired=paired, training=training)
        for each, into in zip(errors(losses), (all_noise, quiet), strict=True):
            into.append(each)
    of_examples = 2 * paired**2 / (examples * FOLDS)
    whole = of_examples + 2 * training**2 / (FOLDS * rounds)
    assert np.mean(np.square(quiet)) == pytest.approx(of_examples, rel=0.3)
    assert np.mean(np.square(all_noise)) == pytest.approx(whole, rel=0.3)


def test_a_fold_that_is_harder_for_all_changes_no_difference():
    rng = np.random.default_rng(2)
    losses = folded(100 - 10 * np.minimum(np.arange(1, 6) / 3, 1), rng)
    harder = 7.0 * rng.normal(size=(FOLDS, 1))
    moved = dataclasses.replace(
        losses,
        values=losses.values + harder[losses.fold_of_seeds],
        no_latent=losses.no_latent + harder,
    )
    one, other = recommend(losses), recommend(moved)
    for name in ("behind", "low", "high", "probability"):
        there, here = ([getattr(row, name) for row in each.rows] for each in (one, other))
        np.testing.assert_allclose(here, there, atol=1e-9)
    assert other.gain == pytest.approx(one.gain)
    assert other.gain_low == pytest.approx(one.gain_low)
    assert (other.status, other.latent_size) == (one.status, one.latent_size)


def test_the_loss_without_a_latent_is_that_of_the_folds_that_were_held_out():
    losses = folded(np.array([95.0, 90.0]), np.random.default_rng(3))
    some = dataclasses.replace(losses, seeds=(0, 1, 10), values=losses.values[:, [0, 1, 0]])
    expected = losses.no_latent[[0, 1, 0]].mean() - some.values.mean(axis=(1, 2)).min()
    assert recommend(some).gain == pytest.approx(expected)
    assert some.examples == 16
    assert losses.examples == 80


@pytest.mark.parametrize(("examples", "rounds"), [(4, 1), (14, 1), (14, 2)])
def test_the_set_of_90_percent_covers_with_folds_of_few_examples(examples, rounds, monkeypatch):
    monkeypatch.setattr(recommendation, "REPLICATES", 300)
    rng, trials = np.random.default_rng(4), 40
    truth = 90 + np.array([8, 3, 0.3, 0, 0, 0])  # of size 3, 3 % are lacking: 4 is the answer
    inside = 0
    for _ in range(trials):
        found = recommend(folded(truth, rng, examples=examples, rounds=rounds, paired=0.5))
        inside += found.low is not None and found.low <= 4 <= found.high
    assert stats.binomtest(inside, trials).proportion_ci(0.95, method="wilson").high >= 0.9
    assert inside >= 0.85 * trials
