"""Probabilistic principal components, by other routes, and networks that begin as such."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from latentsweep.model.family import Settings, initial_member, unpadded
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.principal import principal
from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import encode, forward

FEATURES, FACTORS, TRAIN = 12, 5, 300
RNG = np.random.default_rng(0)
FACES = RNG.normal(size=(FACTORS, FEATURES))
DATA = RNG.normal(size=(TRAIN + 50, FACTORS)) @ FACES + 0.5 * RNG.normal(size=(350, FEATURES)) + 3
X, NEW = DATA[:TRAIN], DATA[TRAIN:]


def written_out(size: int, least: float = 0.0) -> multivariate_normal:
    """The density of the model, from the covariance that its definition gives."""
    values, vectors = np.linalg.eigh(np.cov(X.T, bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = max(values[size:].mean(), least)
    weights = vectors[:, :size] * np.sqrt(np.maximum(values[:size] - noise, 0))
    return multivariate_normal(X.mean(axis=0), weights @ weights.T + noise * np.eye(FEATURES))


@pytest.mark.parametrize("least", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("size", [0, 1, 4, 5, 9, 11])
def test_the_density_is_that_of_its_covariance(size, least):
    found = principal(X, least).neg_log_prob(NEW, size)
    np.testing.assert_allclose(found, -written_out(size, least).logpdf(NEW), rtol=1e-9)


@pytest.mark.parametrize("size", [1, 5, 11])
def test_it_is_scikit_learn_s_but_for_the_degree_of_freedom(size):
    theirs = PCA(size).fit(X)
    found = principal(X)
    assert found.noise(size) == pytest.approx(theirs.noise_variance_ * (TRAIN - 1) / TRAIN)
    assert found.neg_log_prob(X, size).mean() == pytest.approx(-theirs.score(X), abs=1e-3)


def test_a_curve_is_the_means_of_all_sizes():
    found = principal(X)
    means = [found.neg_log_prob(NEW, size).mean() for size in range(FEATURES + 1)]
    np.testing.assert_allclose(found.curve(NEW), means, rtol=1e-12)


def test_as_many_dimensions_as_features_are_the_whole_gaussian():
    whole = multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True))
    found = principal(X).neg_log_prob(NEW, FEATURES)
    np.testing.assert_allclose(found, -whole.logpdf(NEW), rtol=1e-9)


def test_fewer_examples_than_features_are_as_many_components_and_the_least_noise():
    few = principal(X[:6], least=0.01)
    assert few.most == 6
    assert few.noise(8) == 0.01
    assert np.isfinite(few.neg_log_prob(NEW, 8)).all()


def test_each_axis_points_to_its_largest_entry():
    axes = principal(X).axes
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(FEATURES)] > 0).all()
    flipped = principal(2 * X.mean(axis=0) - X)  # the same covariance
    np.testing.assert_allclose(np.abs(flipped.axes), np.abs(axes), atol=1e-6)


SHAPES = {
    "dense": NetworkShape((FEATURES,), 1, (7,), 8, path=True),
    "deeper": NetworkShape((FEATURES,), 1, (7, 6), 8, path=True),
    "convolutional": NetworkShape((4, 3), 1, (7,), 8, "convolutional", path=True),
}


def begun(shape: NetworkShape, size: int, least: float = 0.0):
    elbo = jax.tree.map(jnp.float32, OBJECTIVES["elbo"])
    member = Settings(jnp.int32(0), jnp.int32(size), elbo, jnp.float32(0))
    fresh = jax.device_get(jax.jit(initial_member, static_argnums=1)(member, shape))
    return jax.tree.map(jnp.asarray, principal(X, least).begun(fresh, size)), member


@pytest.mark.parametrize("least", [0.0, 0.6])
@pytest.mark.parametrize("kind", SHAPES)
def test_a_network_begins_at_the_likelihood_of_the_model(kind, least):
    """Its ELBO is the likelihood, but for the draws, of examples it was not fitted to too."""
    shape, size, draws = SHAPES[kind], 5, 400
    vae, member = begun(shape, size, least)
    model = principal(X, least)
    noise = jax.random.normal(jax.random.key(1), (draws, len(NEW), shape.width))
    active = member.active(shape.width)

    @jax.jit
    def terms(x, noise):
        of_one = lambda x, e: forward(vae, x, e, active, member.objective)  # noqa: E731
        return jax.vmap(jax.vmap(of_one), in_axes=(None, 0))(x, noise)

    passed = terms(jnp.asarray(NEW, jnp.float32), noise)
    residual = (np.asarray(passed.parameters[..., 0, :], np.float64) - NEW) ** 2
    variance = model.noise(size)
    nats = 0.5 * (residual / variance + np.log(2 * np.pi * variance)).sum(axis=-1)
    found = (nats + np.asarray(passed.penalty)).mean(axis=0)
    np.testing.assert_allclose(found, model.neg_log_prob(NEW, size), atol=0.8)
    assert found.mean() == pytest.approx(model.neg_log_prob(NEW, size).mean(), abs=0.05)


@pytest.mark.parametrize("kind", SHAPES)
def test_padding_changes_nothing_of_how_it_begins(kind):
    shape = SHAPES[kind]
    inside, _ = begun(shape, 3)
    alone, _ = begun(shape._replace(width=3), 3)
    jax.tree.map(np.testing.assert_array_equal, unpadded(inside, 3, shape), alone)


def test_more_dimensions_than_components_are_the_prior():
    vae, member = begun(SHAPES["dense"], 8, least=4.0)
    mean, log_scale = encode(vae, jnp.asarray(NEW[0], jnp.float32), member.objective)
    kept = np.linalg.eigvalsh(np.cov(X.T, bias=True))[::-1][:8] > 4.0
    assert 0 < kept.sum() < 8
    np.testing.assert_allclose(np.asarray(mean)[~kept], 0, atol=1e-6)
    np.testing.assert_allclose(np.asarray(log_scale)[~kept], 0, atol=1e-6)
