import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from latentsweep.data.catalogue import load_dataset
from latentsweep.evaluation.evaluate import data_bounds
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.study import load_study

BERNOULLI, GAUSSIAN = LIKELIHOODS["bernoulli"], LIKELIHOODS["gaussian"]
RNG = np.random.default_rng(0)
PARAMETERS = jnp.asarray(RNG.normal(size=(1, 3)), jnp.float32)
VARIANCE = jnp.float32(0.3)


def shared(name: str) -> jax.Array:
    return VARIANCE if name == "gaussian" else jnp.zeros(())


def test_bernoulli_agrees_with_scipy_and_sums_to_one():
    outcomes = np.array(list(itertools.product([0.0, 1.0], repeat=3)), np.float32)
    got = [BERNOULLI.log_prob(jnp.array(x), PARAMETERS, jnp.zeros(())).item() for x in outcomes]
    p = 1 / (1 + np.exp(-np.asarray(PARAMETERS[0])))
    np.testing.assert_allclose(got, stats.bernoulli(p).logpmf(outcomes).sum(axis=1), rtol=1e-5)
    assert np.exp(got).sum() == pytest.approx(1, rel=1e-5)


def test_bernoulli_of_grey_values_is_minus_the_cross_entropy():
    x, p = np.array([0.2, 0.9, 0.5], np.float32), np.asarray(BERNOULLI.mean(PARAMETERS))
    expected = np.sum(x * np.log(p) + (1 - x) * np.log1p(-p))
    got = BERNOULLI.log_prob(jnp.array(x), PARAMETERS, jnp.zeros(()))
    assert got.item() == pytest.approx(expected, rel=1e-5)


def test_bernoulli_is_finite_at_extreme_logits():
    logits = jnp.array([[200.0, -200.0]])
    assert BERNOULLI.log_prob(jnp.array([1.0, 0.0]), logits, jnp.zeros(())).item() == 0
    assert BERNOULLI.log_prob(jnp.array([0.0, 1.0]), logits, jnp.zeros(())).item() == -400


def test_gaussian_agrees_with_scipy_and_integrates_to_one():
    x = jnp.array([0.1, -0.3, 1.0])
    expected = stats.norm(np.asarray(PARAMETERS[0]), np.sqrt(0.3)).logpdf(np.asarray(x)).sum()
    assert GAUSSIAN.log_prob(x, PARAMETERS, VARIANCE).item() == pytest.approx(expected, rel=1e-5)
    one = jnp.array([[0.4]])
    density = lambda v: np.exp(GAUSSIAN.log_prob(jnp.array([v]), one, VARIANCE).item())  # noqa: E731
    total, _ = integrate.quad(density, -4, 5, epsabs=1e-5)
    assert total == pytest.approx(1, abs=1e-4)


def test_gaussian_variance_in_closed_form_is_the_best_one():
    target = jnp.asarray(RNG.normal(size=(50, 3)), jnp.float32)
    parameters = jnp.asarray(RNG.normal(size=(50, 1, 3)), jnp.float32)
    best = GAUSSIAN.closed_form(target, parameters)
    total = lambda v: jnp.sum(  # noqa: E731
        jax.vmap(GAUSSIAN.log_prob, (0, 0, None))(target, parameters, v)
    )
    assert total(best) > total(best * 1.05)
    assert total(best) > total(best * 0.95)
    assert abs(jax.grad(total)(best).item()) < 1e-2


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_samples_have_the_mean(name):
    likelihood = LIKELIHOODS[name]
    draws = likelihood.sample(
        jax.random.key(0), jnp.broadcast_to(PARAMETERS, (40_000, 1, 3)), shared(name)
    )
    np.testing.assert_allclose(draws.mean(axis=0), likelihood.mean(PARAMETERS), atol=0.02)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_baseline_is_the_best_constant(name):
    likelihood = LIKELIHOODS[name]
    train = jnp.asarray(RNG.uniform(size=(400, 3)), jnp.float32)
    parameters, value = likelihood.baseline(train)
    total = lambda p: jnp.sum(  # noqa: E731
        jax.vmap(likelihood.log_prob, (0, None, None))(train, p, value)
    )
    assert total(parameters) > total(parameters + 0.05)
    assert total(parameters) > total(parameters - 0.05)


def test_bounds_of_real_mnist_are_the_published_ones(mnist_folder):
    data = load_dataset(load_study("mnist"))
    train, test = (
        data.scale(data.values[data.splits[split]].reshape(-1, 784), np.float32)
        for split in ("train", "test")
    )
    bounds = data_bounds(BERNOULLI, train, test)
    assert bounds["entropy_floor"] == pytest.approx(45.53, abs=0.01)
    assert bounds["no_latent"] == pytest.approx(205.81, abs=0.01)
