"""Every likelihood by the laws of a distribution, and by SciPy where it has it.

A case is a feature's parameters. Its moments are sums or integrals of the probability itself.
"""

from functools import partial
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from latentsweep.data.catalogue import load_dataset
from latentsweep.evaluation.evaluate import data_bounds
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.likelihoods.continuous_bernoulli import _expected, _log_integral
from latentsweep.study import FACTS, LikelihoodName, load_study

BERNOULLI, GAUSSIAN = LIKELIHOODS["bernoulli"], LIKELIHOODS["gaussian"]
NEGATIVE_BINOMIAL, POISSON = LIKELIHOODS["negative-binomial"], LIKELIHOODS["poisson"]
RNG = np.random.default_rng(0)
VARIANCE, DRAWS = 0.3, 4_000
CASES = {
    "bernoulli": ([-2.0], [0.3]),
    "continuous-bernoulli": ([-9.0], [-0.3], [0.0], [1e-4], [2.0]),
    "gaussian": ([-0.7], [1.2]),
    "poisson": ([-3.0], [0.4], [3.0]),
    "negative-binomial": ([-1.0, -1.0], [2.0, 0.5], [1.0, 6.0]),
}
EACH = [(name, parameters) for name, cases in CASES.items() for parameters in cases]
each_case = pytest.mark.parametrize(("name", "parameters"), EACH)
each_likelihood = pytest.mark.parametrize("name", LIKELIHOODS)
SUPPORTS = {
    "bernoulli": np.arange(2.0),
    "continuous-bernoulli": (0.0, 1.0),
    "gaussian": (-8.0, 8.0),
    "poisson": np.arange(400.0),
    "negative-binomial": np.arange(400.0),
}


def shared(name: str) -> jax.Array:
    return jnp.asarray(VARIANCE if name == "gaussian" else 0.0)


@partial(jax.jit, static_argnums=0)
def log_probs(name: str, x: jax.Array, parameters: jax.Array) -> jax.Array:
    """log p of each of the values x [n] of one feature."""
    of = lambda v: LIKELIHOODS[name].log_prob(v[None], parameters[:, None], shared(name))  # noqa: E731
    return jax.vmap(of)(x)


@partial(jax.jit, static_argnums=0)
def slopes(name: str, x: jax.Array, parameters: jax.Array) -> jax.Array:
    """The gradient of their sum by the parameters."""
    return jax.grad(lambda p: jnp.sum(log_probs(name, x, p)))(parameters)


@partial(jax.jit, static_argnums=0)
def drawn(name: str, parameters: jax.Array) -> jax.Array:
    """Draws [n, 1] at the same parameters."""
    columns = jnp.broadcast_to(parameters[:, None], (DRAWS, len(parameters), 1))
    return LIKELIHOODS[name].sample(jax.random.key(3), columns, shared(name))


def log_prob(name: str, x, parameters) -> np.ndarray:
    return np.asarray(log_probs(name, jnp.asarray(x, float), jnp.asarray(parameters, float)))


def moment(name: str, parameters, power: int, about: float = 0.0) -> float:
    """E[(x - about)^power], in float64."""
    with jax.enable_x64(True):
        support = SUPPORTS[name]
        if isinstance(support, np.ndarray):
            return float(
                np.sum(np.exp(log_prob(name, support, parameters)) * (support - about) ** power)
            )
        nodes, weights = np.polynomial.legendre.leggauss(200)
        half = (support[1] - support[0]) / 2
        x = support[0] + half * (nodes + 1)
        density = np.exp(log_prob(name, x, parameters))
        return float(np.sum(half * weights * density * (x - about) ** power))


def test_every_likelihood_has_a_name_and_cases():
    assert set(LIKELIHOODS) == set(CASES) == set(FACTS) == set(get_args(LikelihoodName)) - {"auto"}
    for name, facts in FACTS.items():
        assert facts.parameters == LIKELIHOODS[name].parameters_per_feature
        assert facts.counts == (len(SUPPORTS[name]) == 400)
        assert facts.density == isinstance(SUPPORTS[name], tuple)
        assert facts.variance == LIKELIHOODS[name].shares


@each_case
def test_probabilities_make_one(name, parameters):
    assert moment(name, parameters, 0) == pytest.approx(1, abs=1e-9)


@each_case
def test_the_mean_is_that_of_the_probabilities(name, parameters):
    with jax.enable_x64(True):
        got = LIKELIHOODS[name].mean(jnp.asarray(parameters, float)[:, None])
    assert got.item() == pytest.approx(moment(name, parameters, 1), rel=1e-9)


@each_case
def test_samples_have_mean_and_variance(name, parameters):
    draws = np.asarray(drawn(name, jnp.asarray(parameters)), np.float64)
    assert draws.shape == (DRAWS, 1)
    mean = moment(name, parameters, 1)
    variance, fourth = (moment(name, parameters, power, mean) for power in (2, 4))
    assert abs(draws.mean() - mean) < 4 * np.sqrt(variance / DRAWS)
    assert abs(draws.var() - variance) < 4 * np.sqrt((fourth - variance**2) / DRAWS) + 1e-12
    assert draws.min() >= np.min(SUPPORTS[name])
    assert draws.max() <= np.max(SUPPORTS[name])


@each_case
def test_gradients_are_finite_differences(name, parameters):
    x = [0.0, 1.0, 7.0] if FACTS[name].counts else [0.0, 0.2, 1.0]
    with jax.enable_x64(True):
        got = slopes(name, jnp.asarray(x, float), jnp.asarray(parameters, float))
        for place, move in enumerate(1e-5 * np.eye(len(parameters))):
            above, below = (log_prob(name, x, parameters + sign * move).sum() for sign in (1, -1))
            assert got[place].item() == pytest.approx((above - below) / 2e-5, rel=1e-6, abs=1e-8)


REFERENCES = {
    "bernoulli": lambda x, logit: stats.bernoulli(1 / (1 + np.exp(-logit))).logpmf(x),
    "continuous-bernoulli": lambda x, logit: (
        x * logit - np.log(integrate.quad(lambda v: np.exp(v * logit), 0, 1)[0])
    ),
    "gaussian": lambda x, m: stats.norm(m, np.sqrt(VARIANCE)).logpdf(x),
    "poisson": lambda x, log_rate: stats.poisson(np.exp(log_rate)).logpmf(x),
    "negative-binomial": lambda x, m, r: stats.nbinom(
        np.exp(r), np.exp(r) / (np.exp(r) + np.exp(m))
    ).logpmf(x),
}


@each_case
def test_float32_agrees_with_scipy(name, parameters):
    support = SUPPORTS[name]
    x = support[:60] if isinstance(support, np.ndarray) else np.linspace(0, 1, 7)
    expected = REFERENCES[name](x, *parameters)
    np.testing.assert_allclose(log_prob(name, x, parameters), expected, rtol=2e-6, atol=3e-5)


@pytest.mark.parametrize("dispersion", [1e-3, 7.9, 8.1, 50.0, 1e6])
def test_negative_binomial_of_any_dispersion(dispersion):
    x, m, r = np.array([0.0, 1, 5, 40, 900]), np.log(6.0), np.log(dispersion)
    expected = REFERENCES["negative-binomial"](x, m, r)
    got = log_prob("negative-binomial", x, [m, r])
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-3)


def test_of_large_dispersion_it_is_poisson():
    x = np.arange(30.0)
    got = log_prob("negative-binomial", x, [1.5, 15.0])
    np.testing.assert_allclose(got, log_prob("poisson", x, [1.5]), atol=1e-4)


@each_likelihood
def test_extreme_outputs_have_finite_values_and_gradients(name):
    likelihood = LIKELIHOODS[name]
    target = jnp.array([0.0, 1e5 if FACTS[name].counts else 1.0])

    @jax.jit
    def everything(parameters: jax.Array) -> tuple:
        of = jax.value_and_grad(lambda p: likelihood.log_prob(target, p, shared(name)))
        return of(parameters), likelihood.mean(parameters)

    assert np.isfinite(likelihood.encoder_input(target)).all()
    for extreme in (-1e4, 0.0, 1e4):
        parameters = jnp.full((likelihood.parameters_per_feature, 2), extreme, jnp.float32)
        for found in jax.tree.leaves(everything(parameters)):
            assert np.isfinite(found).all()
        assert np.isfinite(drawn(name, parameters[:, 0])).all()


def train_of(name: str) -> np.ndarray:
    if FACTS[name].counts:
        return RNG.negative_binomial([0.5, 2, 9], 0.3, size=(2000, 3)).astype(float)
    return RNG.beta([0.4, 1, 5], 2, size=(2000, 3))


@each_likelihood
def test_baseline_is_the_best_constant(name):
    likelihood, train = LIKELIHOODS[name], train_of(name)
    with jax.enable_x64(True):
        parameters, value = jax.jit(likelihood.baseline)(jnp.asarray(train))
        total = jax.jit(
            lambda p: jnp.sum(
                jax.vmap(likelihood.log_prob, (0, None, None))(jnp.asarray(train), p, value)
            )
        )
        for place in np.ndindex(parameters.shape):
            for step in (-0.05, 0.05):
                assert total(parameters) > total(parameters.at[place].add(step))


def test_what_varies_no_more_than_poisson_has_a_large_dispersion():
    train = jnp.asarray(RNG.binomial(20, 0.5, size=(300, 2)), jnp.float32)
    fitted = jax.jit(NEGATIVE_BINOMIAL.baseline)
    (_, log_dispersion), _ = fitted(train)
    assert (log_dispersion > 10).all()
    for likelihood, baseline in ((POISSON, POISSON.baseline), (NEGATIVE_BINOMIAL, fitted)):
        parameters, value = baseline(jnp.zeros((300, 2)))
        assert np.isfinite(likelihood.log_prob(jnp.zeros(2), parameters, value))


def test_means_near_the_ends_have_their_logits():
    train = jnp.array([[0.0, 1.0, 0.5, 1e-3, 1 - 1e-3]] * 2000)
    parameters, _ = jax.jit(LIKELIHOODS["continuous-bernoulli"].baseline)(train)
    means = (train.sum(axis=0) + 0.5) / 2001
    got = LIKELIHOODS["continuous-bernoulli"].mean(parameters)
    np.testing.assert_allclose(got, means, rtol=1e-6)
    np.testing.assert_allclose(1 - got, 1 - means, rtol=1e-3)


def test_the_closed_forms_of_the_continuous_bernoulli_hold_in_float32():
    """Against themselves in float64 far from 0, and against numbers drawn from the series near."""
    logits = np.concatenate([np.linspace(-30, 30, 601), [1e-8, -1e-4, 0.4999, 0.5, -0.5001]])
    logits = logits.astype(np.float32)
    exact = logits.astype(np.longdouble)
    exact[exact == 0] = 1e-9
    log_integral = np.log(np.expm1(exact) / exact)
    mean = 0.5 + (1 / np.tanh(exact / 2) - 2 / exact) / 2
    mean[np.abs(exact) < 1e-3] = 0.5 + exact[np.abs(exact) < 1e-3] / 12
    got = jnp.asarray(logits)
    np.testing.assert_allclose(
        jax.jit(_log_integral)(got), log_integral.astype(float), rtol=1e-6, atol=1e-7
    )
    np.testing.assert_allclose(jax.jit(_expected)(got), mean.astype(float), atol=1e-6)
    slope = jax.jit(jax.vmap(jax.grad(_log_integral)))(got)
    np.testing.assert_allclose(slope, mean.astype(float), atol=1e-6)


def test_counts_are_given_to_encoders_as_logarithms():
    x = jnp.array([0.0, 1.0, 9.0])
    for name in (name for name, facts in FACTS.items() if facts.counts):
        np.testing.assert_allclose(
            LIKELIHOODS[name].encoder_input(x), np.log([1, 2, 10]), rtol=1e-6
        )
        np.testing.assert_array_equal(LIKELIHOODS[name].target(x), x)
        assert LIKELIHOODS[name].closed_form(x[None], x[None, None]) == 0


def test_bernoulli_of_grey_values_is_minus_the_cross_entropy():
    logits = jnp.asarray(RNG.normal(size=(1, 3)), jnp.float32)
    x, p = np.array([0.2, 0.9, 0.5], np.float32), np.asarray(BERNOULLI.mean(logits))
    expected = np.sum(x * np.log(p) + (1 - x) * np.log1p(-p))
    got = BERNOULLI.log_prob(jnp.array(x), logits, jnp.zeros(()))
    assert got.item() == pytest.approx(expected, rel=1e-5)


def test_bernoulli_is_finite_at_extreme_logits():
    logits = jnp.array([[200.0, -200.0]])
    assert BERNOULLI.log_prob(jnp.array([1.0, 0.0]), logits, jnp.zeros(())).item() == 0
    assert BERNOULLI.log_prob(jnp.array([0.0, 1.0]), logits, jnp.zeros(())).item() == -400


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


def test_bounds_of_real_mnist_are_the_published_ones(mnist_folder):
    data = load_dataset(load_study("mnist"))
    train, test = (
        data.scale(data.values[data.splits[split]].reshape(-1, 784), np.float32)
        for split in ("train", "test")
    )
    bounds = data_bounds(BERNOULLI, train, test)
    assert bounds["entropy_floor"] == pytest.approx(45.53, abs=0.01)
    assert bounds["no_latent"] == pytest.approx(205.81, abs=0.01)
