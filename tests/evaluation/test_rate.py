import numpy as np
import pytest

from latentsweep.evaluation.rate import (
    active_units,
    effective_units,
    has_clean_gap,
    rho,
    units_by_class,
)

RNG = np.random.default_rng(0)


def test_rho_is_the_share_of_variance_between_examples():
    codes = RNG.normal(size=(50_000, 3)) * [1.0, 0.5, 1e-4]
    scales = np.broadcast_to([0.1, 0.5, 1.0], codes.shape)
    np.testing.assert_allclose(rho(codes, scales), [1 / 1.01, 0.5, 0.0], atol=0.01)


@pytest.mark.parametrize("unit", [0.01, 1.0, 100.0])
def test_rho_does_not_depend_on_the_latents_scale(unit):
    codes, scales = RNG.normal(size=(100, 4)), RNG.uniform(0.1, 1, size=(100, 4))
    np.testing.assert_allclose(rho(unit * codes, unit * scales), rho(codes, scales), rtol=1e-9)


def test_at_a_stationary_elbo_it_is_burdas_rule():
    """Where E[mean^2 + sigma^2] = 1 and E[mean] = 0, rho is Var(mean)."""
    codes = RNG.normal(size=(1000, 2)) * [0.9, 0.05]
    codes -= codes.mean(axis=0)
    scales = np.sqrt(np.broadcast_to(1 - codes.var(axis=0), codes.shape))
    np.testing.assert_allclose(rho(codes, scales), codes.var(axis=0), rtol=1e-9)


def test_a_diverged_network_has_no_share_and_no_active_units():
    codes = np.full((10, 2), np.inf)
    assert np.isnan(rho(codes, codes)).all()
    assert active_units(rho(codes, codes)) == 0


def test_active_units_are_those_above_one_percent():
    assert active_units(np.array([0.0, 0.0099, 0.0101, 0.9])) == 2


def test_a_count_is_clear_if_nothing_lies_between_the_thresholds():
    assert has_clean_gap(np.array([0.9, 0.06, 0.004, 0.0]))
    assert not has_clean_gap(np.array([0.9, 0.03, 0.0]))
    assert has_clean_gap(np.array([0.9]))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_effective_units_are_those_that_carry_the_same(count):
    kl = np.zeros(9)
    kl[:count] = 1.7
    assert effective_units(kl) == pytest.approx(count)
    assert effective_units(1000 * kl) == pytest.approx(count)


def test_a_unit_that_carries_little_counts_for_little():
    assert 2 < effective_units(np.array([3.0, 3.0, 0.02])) < 2.1
    kl = np.array([3.0, 1.0])  # p = 3/4, 1/4
    assert effective_units(kl) == pytest.approx(4 / 3**0.75)


def test_effective_units_of_nothing_and_of_a_diverged_network():
    assert effective_units(np.zeros(4)) == 0
    assert effective_units(np.array([0.0, -1e-9])) == 0
    assert np.isnan(effective_units(np.array([np.nan, 1.0])))
    assert np.isnan(effective_units(np.array([np.inf, 1.0])))


def test_units_of_a_class_are_those_along_which_its_own_codes_vary():
    """Not one that tells it apart, nor one that others use; 20 examples are the fewest."""
    labels = np.repeat([0, 1, 2], [20, 30, 19])
    used = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 1]])[labels]
    apart = np.outer(3.0 * labels, [0, 1, 0])
    codes = RNG.normal(size=(69, 3)) * used + apart
    counts = units_by_class(codes, np.full((69, 3), 0.1), labels, 3)
    assert counts.tolist() == [1, 2, -1]
