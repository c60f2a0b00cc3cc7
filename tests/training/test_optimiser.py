import jax.numpy as jnp
import numpy as np
import optax
import pytest

from latentsweep.study import load_study
from latentsweep.training.optimiser import adam, rate_factor


def test_the_reports_rate_is_constant():
    assert {float(rate_factor(step, 100, 0.0, 0.0)) for step in range(100)} == {1.0}


def test_rate_rises_holds_and_falls():
    factors = np.array([float(rate_factor(step, 100, 0.1, 0.5)) for step in range(100)])
    np.testing.assert_allclose(factors[:10], np.arange(1, 11) / 10, rtol=1e-6)
    assert set(factors[10:50]) == {1.0}
    np.testing.assert_allclose(factors[50:], (100 - np.arange(50, 100)) / 50, rtol=1e-6)


def _trained(study, steps, gradients):
    optimiser, weight = adam(study, steps), jnp.array([1.0, -2.0])
    moments = optimiser.initial(weight)
    for gradient, rate in zip(gradients, optimiser.rates(moments, len(gradients)), strict=True):
        gradient = jnp.asarray(gradient, jnp.float32)
        weight, moments = optimiser.step(weight, gradient, moments, rate)
    assert int(moments.count) == len(gradients)
    return weight


def test_adam_is_keras_order_of_kingma_and_ba():
    study = load_study("mnist").changed(
        {"learning_rate": 0.01, "warm_up": 0.2, "adam_epsilon": 0.01}
    )
    gradients = [np.array([0.3, -0.1]) * t for t in range(1, 8)]
    m = v = np.zeros(2)
    expected = np.array([1.0, -2.0])
    for t, gradient in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        rate = 0.01 * min(1, t / 2) * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        expected -= rate * m / (np.sqrt(v) + 0.01)
    np.testing.assert_allclose(_trained(study, 10, gradients), expected, rtol=1e-5)


def test_adam_is_optax_own_where_epsilon_is_small():
    study = load_study("mnist").changed({"learning_rate": 0.01, "adam_epsilon": 1e-12})
    gradients = [np.array([0.3, -0.1]) * (1 + t % 3) for t in range(20)]
    theirs, weight = optax.adam(0.01, eps=1e-12), jnp.array([1.0, -2.0])
    state = theirs.init(weight)
    for gradient in gradients:
        added, state = theirs.update(jnp.asarray(gradient, jnp.float32), state)
        weight = weight + added
    np.testing.assert_allclose(_trained(study, 20, gradients), weight, rtol=1e-5)


@pytest.mark.parametrize("study", ["mnist", "digits"])
def test_the_report_uses_adam_as_keras_has_it(study):
    fields = load_study(study)
    assert (fields.learning_rate, fields.adam_beta1, fields.adam_beta2) == (1e-3, 0.9, 0.999)
    assert fields.adam_epsilon == 1e-7
