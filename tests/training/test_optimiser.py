import jax.numpy as jnp
import numpy as np
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


def test_adam_is_algorithm_1_of_kingma_and_ba():
    study = load_study("mnist").changed({"learning_rate": 0.01, "warm_up": 0.2})
    optimiser, weight = adam(study, steps=10), jnp.array([1.0, -2.0])
    state = optimiser.init(weight)
    m = v = np.zeros(2)
    expected = np.array([1.0, -2.0])
    for t in range(1, 8):
        gradient = np.array([0.3, -0.1]) * t
        updates, state = optimiser.update(jnp.asarray(gradient, jnp.float32), state)
        weight = weight + updates
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        rate = 0.01 * min(1, t / 2)
        expected -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
    np.testing.assert_allclose(weight, expected, rtol=1e-5)


@pytest.mark.parametrize("study", ["mnist", "digits"])
def test_the_report_uses_adam_as_keras_has_it(study):
    fields = load_study(study)
    assert (fields.learning_rate, fields.adam_beta1, fields.adam_beta2) == (1e-3, 0.9, 0.999)
    assert fields.adam_epsilon == 1e-7
