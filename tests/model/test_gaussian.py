import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from latentsweep.model.gaussian import column_noise, kl_per_dimension


@pytest.mark.parametrize(("mean", "log_var"), [(0.0, 0.0), (1.3, -2.0), (-0.4, 0.7), (0.0, -4.6)])
def test_kl_is_the_integral_of_its_definition(mean, log_var):
    q, p = stats.norm(mean, np.exp(log_var / 2)), stats.norm()
    width = 12 * q.std()
    expected, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mean - width, mean + width
    )
    got = kl_per_dimension(jnp.array([mean]), jnp.array([log_var]))
    np.testing.assert_allclose(got, [expected], rtol=1e-5, atol=1e-6)


def test_kl_agrees_with_a_million_samples():
    mean, sigma = 0.8, 0.35
    z = np.random.default_rng(0).normal(mean, sigma, 1_000_000)
    ratios = stats.norm(mean, sigma).logpdf(z) - stats.norm().logpdf(z)
    error = ratios.std() / np.sqrt(len(z))
    got = kl_per_dimension(jnp.array([mean]), jnp.array([2 * np.log(sigma)])).item()
    assert abs(got - ratios.mean()) < 4 * error


def test_noise_of_a_column_is_the_same_whatever_the_width():
    key = jax.random.key(3)
    narrow, wide = column_noise(key, (7, 5), 2), column_noise(key, (7, 5), 9)
    assert wide.shape == (7, 5, 9)
    np.testing.assert_array_equal(narrow, wide[..., :2])


def test_noise_is_standard_normal_and_its_columns_are_independent():
    noise = np.asarray(column_noise(jax.random.key(0), (20_000,), 3))
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef(noise.T), np.eye(3), atol=0.03)
