"""Bounds and integrals where the likelihood is known: probabilistic PCA, and sums over a grid.

A linear network is a network of ReLU units: hidden = relu([a, -a]), a = [1, -1] hidden. With the
weights of probabilistic PCA its posterior is exact, and every importance weight is p(x).
"""

from functools import cache
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from latentsweep.data.dataset import Scale
from latentsweep.evaluation import evaluate, likelihood
from latentsweep.evaluation.bounds import measure
from latentsweep.evaluation.likelihood import (
    Bound,
    better_proposal,
    importance_weighted,
    log_weight,
    quadrature,
)
from latentsweep.model.family import Settings, Stream, padded, stream
from latentsweep.model.gaussian import column_noise
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.network import Decoder, Encoder, Heads, Linear
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import NetworkShape
from latentsweep.model.trained import Trained
from latentsweep.model.vae import VAE

FEATURES, EXAMPLES = 10, 400
SIGMA = {"keras-blog": lambda s: 0.1 * np.exp(s), "elbo": lambda s: np.exp(s / 2)}


@cache
def linear_data(latent_size: int) -> np.ndarray:
    """x = W z + noise, in float64, with a signal of 10 to 30 times the noise's variance."""
    rng = np.random.default_rng(latent_size)
    columns, _ = np.linalg.qr(rng.normal(size=(FEATURES, latent_size)))
    strengths = np.sqrt(0.1 * np.linspace(10, 30, latent_size))
    signal = rng.normal(size=(EXAMPLES, latent_size)) @ (columns * strengths).T
    return 1 + signal + np.sqrt(0.1) * rng.normal(size=signal.shape)


def ppca(latent_size: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The mean, the orthogonal columns W and the noise variance of greatest likelihood.

    References:
        Tipping & Bishop (1999), Probabilistic Principal Component Analysis, equations 7 and 8.
    """
    data = linear_data(latent_size)
    eigenvalues, vectors = np.linalg.eigh(np.cov(data.T, bias=True))
    left_out = FEATURES - latent_size
    variance = eigenvalues[:left_out].mean()
    columns = vectors[:, left_out:] * np.sqrt(eigenvalues[left_out:] - variance)
    return data.mean(axis=0), columns, variance


def log_likelihood(latent_size: int) -> np.ndarray:
    """log p(x) of each example."""
    mean, columns, variance = ppca(latent_size)
    covariance = columns @ columns.T + variance * np.eye(FEATURES)
    return multivariate_normal(mean, covariance).logpdf(linear_data(latent_size))


def assembled(
    weights: dict[str, tuple[np.ndarray, np.ndarray]], objective: str, kind: str, variance: float
) -> Trained:
    """A network of given weights and biases, in the type that is JAX's default at the time."""
    part = {name: [jnp.asarray(each, float) for each in both] for name, both in weights.items()}
    encoder = Encoder(Linear(*part["inward"]), Heads(*part["heads"]))
    decoder = Decoder(Linear(*part["outward"]), Linear(*part["output"]), 1)
    numbers = jax.tree.map(lambda n: jnp.asarray(n, float), OBJECTIVES[objective])
    settings = Settings(7, weights["heads"][1].shape[1], numbers)
    rest = LIKELIHOODS[kind], jnp.asarray(variance, float), Scale(0.0, 1.0)
    return Trained(VAE(encoder, decoder), settings, *rest)


def linear_network(
    latent_size: int, objective: str = "elbo", proposal_variance: float = 1.0
) -> Trained:
    """Probabilistic PCA as a network; its posterior's variance may be wrong by a factor."""
    mean, columns, variance = ppca(latent_size)
    total = variance + np.sum(columns**2, axis=0)
    inward, sigma = columns / total, np.sqrt(variance / total * proposal_variance)
    log_scale = 2 * np.log(sigma) if objective == "elbo" else np.log(sigma / 0.1)
    both, none = np.concatenate([np.eye(latent_size), -np.eye(latent_size)]), np.zeros(latent_size)
    weights = {
        "inward": (inward @ both.T, -mean @ inward @ both.T),
        "heads": (np.stack([both, 0 * both], axis=1), np.stack([none, log_scale])),
        "outward": (both.T, np.zeros(2 * latent_size)),
        "output": (both @ columns.T, mean),
    }
    return assembled(weights, objective, "gaussian", variance)


def small_network(
    latent_size: int,
    objective: str = "elbo",
    kind: str = "bernoulli",
    features: int = 6,
    sharpness: float = 3.0,
) -> Trained:
    """Eight units each way with random weights, the decoder's output of a given size."""
    rng, hidden = np.random.default_rng(latent_size), 8
    weights = {
        "inward": (rng.normal(size=(features, hidden)), rng.normal(size=hidden)),
        "heads": (rng.normal(size=(hidden, 2, latent_size)) / 10, np.zeros((2, latent_size))),
        "outward": (rng.normal(size=(latent_size, hidden)), rng.normal(size=hidden)),
        "output": (sharpness * rng.normal(size=(hidden, features)) / 3, np.zeros(features)),
    }
    return assembled(weights, objective, kind, 0.3)


def widened(trained: Trained, width: int) -> Trained:
    """The same network, padded."""
    features, hidden = trained.vae.encoder.hidden.weight.shape
    shape = NetworkShape((features,), 1, (hidden,), width)
    return eqx.tree_at(lambda t: t.vae, trained, padded(trained.vae, shape))


def binary(features: int) -> np.ndarray:
    """All vectors of so many zeros and ones."""
    numbers = np.arange(2**features)[:, None] >> np.arange(features)
    return (numbers & 1).astype(np.uint8)


def decoded_log_prob(trained: Trained, codes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """log p(x | z) of one example at codes [n, K], in float64."""
    decoder = jax.tree.map(lambda leaf: np.asarray(leaf, float), trained.vae.decoder)
    hidden = np.maximum(codes @ decoder.hidden.weight + decoder.hidden.bias, 0)
    out = hidden @ decoder.output.weight + decoder.output.bias
    if trained.likelihood is LIKELIHOODS["bernoulli"]:
        return np.sum(x * out - np.logaddexp(0, out), axis=-1)
    variance = float(trained.shared)
    return -0.5 * np.sum((x - out) ** 2 / variance + np.log(2 * np.pi * variance), axis=-1)


@pytest.mark.parametrize("latent_size", [1, 2, 3, 6])
def test_the_closed_form_of_probabilistic_pca_is_its_density(latent_size):
    eigenvalues = np.linalg.eigvalsh(np.cov(linear_data(latent_size).T, bias=True))[::-1]
    _, _, variance = ppca(latent_size)
    kept = eigenvalues[:latent_size]
    expected = -0.5 * (
        FEATURES * np.log(2 * np.pi)
        + np.log(kept).sum()
        + (FEATURES - latent_size) * np.log(variance)
        + FEATURES
    )
    assert log_likelihood(latent_size).mean() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("latent_size", [1, 6])
def test_every_weight_of_an_exact_posterior_is_the_likelihood(latent_size, objective):
    with jax.enable_x64(True):
        trained = linear_network(latent_size, objective)
        x = jnp.asarray(linear_data(latent_size))
        noise = 3 * jax.random.normal(jax.random.key(0), (5, latent_size))

        @jax.jit
        def weights(x):
            mean, log_scale = trained.encoded(x)
            log_sigma = trained.settings.objective.log_sigma(log_scale)
            return jax.vmap(lambda e: log_weight(trained, x, mean, log_sigma, e))(noise)

        got = jax.vmap(weights)(x)
    expected = np.broadcast_to(log_likelihood(latent_size)[:, None], got.shape)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


def exact_elbo(trained: Trained, data: np.ndarray) -> np.ndarray:
    """The ELBO of a linear network as it is measured, without the noise of sampling.

    Its reconstruction is quadratic in the noise, and 2 K draws of +- sqrt(K) along each axis have
    the moments of a normal distribution up to the third.
    """
    axes = np.sqrt(trained.width) * np.eye(trained.width)
    noise = jnp.asarray(np.concatenate([axes, -axes]), float)
    terms = jax.jit(jax.vmap(lambda x: measure(trained, x, noise)))(jnp.asarray(data, float))
    return -np.asarray(terms.reconstruction + terms.rate_per_dimension.sum(axis=1))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("latent_size", [1, 6])
def test_the_elbo_of_an_exact_posterior_is_the_likelihood(latent_size, objective):
    data, expected = linear_data(latent_size), log_likelihood(latent_size)
    with jax.enable_x64(True):
        got = exact_elbo(linear_network(latent_size, objective), data)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)
    rounded = exact_elbo(linear_network(latent_size, objective), data.astype(np.float32))
    np.testing.assert_allclose(rounded, expected, rtol=0, atol=1e-3)


def test_the_elbo_of_a_wrong_posterior_misses_its_divergence():
    """KL(N(m, 2 v) || N(m, v)) = (1 - log 2) / 2 for each dimension."""
    with jax.enable_x64(True):
        got = exact_elbo(linear_network(3, proposal_variance=2), linear_data(3))
    gap = 3 * (1 - np.log(2)) / 2
    np.testing.assert_allclose(got, log_likelihood(3) - gap, rtol=0, atol=1e-10)


def test_the_measured_elbo_is_the_likelihood_but_for_its_draws():
    arrays = evaluate.measured(linear_network(3), linear_data(3).astype(np.float32), draws=64)
    missing = arrays["test/neg_elbo"] + log_likelihood(3)
    error = missing.std() / np.sqrt(EXAMPLES)
    assert error < 0.02
    assert abs(missing.mean()) < 4 * error


@pytest.mark.parametrize(("draws", "count"), [(1, 5), (1251, 2500)])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_exact_posterior_needs_no_more_than_one_draw(objective, draws, count):
    data = linear_data(3).astype(np.float32)[:40]
    bound = importance_weighted(linear_network(3, objective), data, data, draws)
    exact = -log_likelihood(3)[:40]
    np.testing.assert_allclose(bound.neg_log_likelihood, exact, rtol=0, atol=1e-3)
    np.testing.assert_allclose(bound.early, exact, rtol=0, atol=1e-3)
    np.testing.assert_allclose(bound.effective, count, rtol=1e-4)


@cache
def wrong_bound(draws: int, proposal_variance: float = 2.0) -> Bound:
    """The bound of 200 linear data of 8 latents whose codes are proposed with a wrong variance."""
    data = linear_data(8).astype(np.float32)[:200]
    network = linear_network(8, proposal_variance=proposal_variance)
    return importance_weighted(network, data, data, draws)


def test_a_proposal_of_twice_the_variance_still_gives_the_likelihood():
    bound = wrong_bound(5000)
    missing = bound.neg_log_likelihood + log_likelihood(8)[:200]
    assert np.abs(missing.mean()) < 0.01
    assert np.abs(missing).max() < 0.2
    # E[w]^2 / E[w^2] is sqrt(3) / 2 for each dimension
    assert bound.effective.mean() / 5000 == pytest.approx(0.75 ** (8 / 2), rel=0.05)


@pytest.mark.parametrize("proposal_variance", [0.6, 2.0])
def test_the_bound_never_falls_with_more_draws(proposal_variance):
    bounds = [wrong_bound(draws, proposal_variance) for draws in (5, 5000)]
    ladder = [part for bound in bounds for part in (bound.early, bound.neg_log_likelihood)]
    for few, many in pairwise(ladder):
        change = many - few
        assert change.mean() < 2 * change.std() / np.sqrt(len(change))
    assert ladder[0].mean() > ladder[-1].mean() + 0.3


def test_a_wide_proposal_mends_one_that_is_too_narrow():
    """With a tenth of the variance the weights of q have none; the mixture's bound is exact."""
    data = linear_data(2).astype(np.float32)[:100]
    network = linear_network(2, proposal_variance=0.1)
    exact = -log_likelihood(2)[:100]
    narrow, wide = (
        importance_weighted(network, data, data, 5000, wide=wide) for wide in (False, True)
    )
    assert np.abs(wide.neg_log_likelihood - exact).mean() < 0.02
    assert narrow.neg_log_likelihood.mean() - exact.mean() > 0.1
    assert np.quantile(wide.effective, 0.01) > 10 * np.quantile(narrow.effective, 0.01)
    assert better_proposal(network, data, data)[1]


@pytest.mark.parametrize("latent_size", [1, 3])
def test_every_part_of_the_wide_proposal_is_weighed_against_the_whole(latent_size, monkeypatch):
    """With parts of one width, and the prior shut out, its weights are those of q."""
    data = linear_data(latent_size).astype(np.float32)[:20]
    network = linear_network(latent_size)
    monkeypatch.setattr(likelihood, "WIDTHS", (1.0, 1.0, 1.0))
    monkeypatch.setattr(likelihood, "_TURNS", (0, 0, 1, 2))
    bound = importance_weighted(network, data, data, 25, wide=True)
    np.testing.assert_allclose(
        bound.neg_log_likelihood, -log_likelihood(latent_size)[:20], atol=2e-3
    )


@pytest.mark.parametrize("objective", ["elbo", "keras-blog"])
def test_padding_changes_no_wide_bound(objective):
    data = linear_data(3).astype(np.float32)[:10]
    network = linear_network(3, objective=objective, proposal_variance=0.5)
    bounds = [
        importance_weighted(each, data, data, 500, wide=True)
        for each in (network, widened(network, 5))
    ]
    np.testing.assert_allclose(*(b.neg_log_likelihood for b in bounds), rtol=1e-4)


def test_one_draw_is_the_elbo_in_mean():
    elbo = log_likelihood(8)[:200] - 8 * (1 - np.log(2)) / 2
    missing = wrong_bound(5).early + elbo
    error = missing.std() / np.sqrt(200)
    assert error < 0.2
    assert abs(missing.mean()) < 4 * error


def weighed_by_hand(trained: Trained, values: np.ndarray, chunk: int, chunks: int) -> np.ndarray:
    """Logarithms of all weights [N, chunks, chunk], from the densities, in float64."""
    scale = trained.scale
    encoder = jax.tree.map(lambda leaf: np.asarray(leaf, float), trained.vae.encoder)
    x = (values - scale.offset) / scale.factor
    hidden = np.maximum(x @ encoder.hidden.weight + encoder.hidden.bias, 0)
    mean, log_scale = (
        hidden @ encoder.heads.weight[:, i] + encoder.heads.bias[i] for i in range(2)
    )
    objective = "elbo" if float(trained.settings.objective.slope) == 0.5 else "keras-blog"
    sigma, key = SIGMA[objective](log_scale), stream(trained.settings.seed, Stream.SAMPLING)
    rows = []
    for i in range(len(values)):
        own = jax.random.fold_in(key, i)
        keys = [jax.random.fold_in(own, number) for number in range(chunks)]
        noise = np.stack([column_noise(k, (chunk,), trained.width) for k in keys]).astype(float)
        z = mean[i] + sigma[i] * noise
        log_prior = multivariate_normal(np.zeros(trained.width)).logpdf(z)
        log_posterior = multivariate_normal(mean[i], np.diag(sigma[i] ** 2)).logpdf(z)
        rows.append(decoded_log_prob(trained, z, x[i]) + log_prior - log_posterior)
    return np.array(rows)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
def test_bounds_are_their_definitions(objective, kind, monkeypatch):
    """With 40 samples in ten chunks, of which the first two are the first fifth."""
    monkeypatch.setattr(likelihood, "AT_ONCE", 4)
    values = np.random.default_rng(0).integers(0, 256, (8, 6)).astype(np.uint8)
    unscaled = small_network(3, objective, kind)
    rest = unscaled.likelihood, unscaled.shared, Scale(0.0, 255.0)
    trained = Trained(unscaled.vae, unscaled.settings, *rest)
    bound = importance_weighted(trained, values, values, 25)
    logs = weighed_by_hand(trained, values, 4, 10)
    first, all_of = logs[:, :2].reshape(8, -1), logs.reshape(8, -1)
    weights = np.exp(all_of - all_of.max(axis=1, keepdims=True))
    effective = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    tight = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(
        bound.neg_log_likelihood, np.log(40) - logsumexp(all_of, axis=1), **tight
    )
    np.testing.assert_allclose(bound.early, np.log(8) - logsumexp(first, axis=1), **tight)
    np.testing.assert_allclose(bound.effective, effective, rtol=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_padding_changes_no_bound(objective):
    values = binary(6)[::8]
    network = small_network(2, objective)
    alone, wide = (
        importance_weighted(n, values, values, 50) for n in (network, widened(network, 5))
    )
    for one, other in zip(alone, wide, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_an_example_has_the_same_bound_whatever_comes_after_it():
    values, network = binary(6)[::8], small_network(2)
    many, few = (importance_weighted(network, v, v, 50) for v in (values, values[:3]))
    for one, other in zip(many, few, strict=True):
        np.testing.assert_allclose(one[:3], other, rtol=1e-5)


@pytest.mark.parametrize("grey_is_better", [True, False])
def test_codes_are_proposed_from_what_gives_the_better_bound(grey_is_better):
    """Proposals from data that was moved away are worse, by either name."""
    data = linear_data(3).astype(np.float32)[:40]
    moved, network = data + np.float32(3), linear_network(3)
    if grey_is_better:  # an encoder that takes data for moved by as much
        bias = lambda t: t.vae.encoder.hidden.bias  # noqa: E731
        undone = bias(network) - 3 * network.vae.encoder.hidden.weight.sum(axis=0)
        network = eqx.tree_at(bias, network, undone)
    expected = moved if grey_is_better else data
    assert better_proposal(network, data, moved)[0] is expected
    bound = importance_weighted(network, data, expected, 5)
    np.testing.assert_allclose(bound.neg_log_likelihood, -log_likelihood(3)[:40], atol=1e-3)


@pytest.mark.parametrize("latent_size", [1, 2])
@pytest.mark.parametrize("width", [None, 4])
def test_probabilities_of_all_binary_images_add_up_to_one(latent_size, width):
    network = small_network(latent_size)
    network = network if width is None else widened(network, width)
    exact = quadrature(network, binary(6))
    assert exact.points >= 256
    assert np.exp(-exact.neg_log_likelihood).sum() == pytest.approx(1, abs=1e-5)


def test_one_dimension_is_the_integral():
    network, values = small_network(1), binary(6)[[0, 13, 63]]

    def joint(z: float, x: np.ndarray) -> float:
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        return density * np.exp(decoded_log_prob(network, np.array([z]), x))

    expected = [-np.log(integrate.quad(joint, -9, 9, args=(x,), limit=200)[0]) for x in values]
    np.testing.assert_allclose(quadrature(network, values).neg_log_likelihood, expected, atol=5e-4)


def test_two_dimensions_are_the_double_integral():
    network, values = small_network(2), binary(6)[[0, 13, 63]]
    ticks, step = np.linspace(-8, 8, 401, retstep=True)
    codes = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    log_prior = multivariate_normal(np.zeros(2)).logpdf(codes)
    expected = [
        -logsumexp(decoded_log_prob(network, codes, x) + log_prior) - 2 * np.log(step)
        for x in values
    ]
    np.testing.assert_allclose(quadrature(network, values).neg_log_likelihood, expected, atol=5e-4)


@pytest.mark.parametrize("latent_size", [1, 2])
def test_quadrature_is_what_importance_weighting_tends_to(latent_size):
    values = (np.random.default_rng(0).random((32, 16)) < 0.4).astype(np.uint8)
    network = widened(small_network(latent_size, features=16, sharpness=6.0), 2)
    exact = quadrature(network, values).neg_log_likelihood
    bound = importance_weighted(network, values, values, 5000)
    assert bound.effective.mean() < 4000
    assert bound.neg_log_likelihood.mean() == pytest.approx(exact.mean(), abs=0.1)
    np.testing.assert_allclose(bound.neg_log_likelihood, exact, atol=0.5)


def test_a_grid_in_blocks_is_the_same_sum(monkeypatch):
    network, values = small_network(1), binary(6)
    whole = quadrature(network, values)
    monkeypatch.setattr(likelihood, "_GRID_ROWS", 100)  # divides no grid
    parts = quadrature(network, values)
    assert parts.points == whole.points
    np.testing.assert_allclose(parts.neg_log_likelihood, whole.neg_log_likelihood, atol=1e-5)


def test_a_grid_is_halved_until_it_settles(monkeypatch):
    """Of a decoder that changes within a fiftieth: 256 points are too few."""
    network, values = small_network(1, sharpness=100.0), binary(6)[::5]
    monkeypatch.setattr(likelihood, "GRID_LAST", 256)
    coarse = quadrature(network, values)
    assert np.isnan(coarse.neg_log_likelihood).all()
    assert coarse.points == 256
    assert coarse.neg_log_likelihood.shape == (len(values),)
    monkeypatch.setattr(likelihood, "GRID_LAST", 2**16)
    settled = quadrature(network, values)
    assert 512 <= settled.points < 2**16
    ticks, step = np.linspace(-8, 8, 400_001, retstep=True)
    log_prior = -(ticks**2) / 2 - np.log(2 * np.pi) / 2
    expected = [
        -logsumexp(decoded_log_prob(network, ticks[:, None], x) + log_prior) - np.log(step)
        for x in values
    ]
    assert settled.neg_log_likelihood.mean() == pytest.approx(np.mean(expected), abs=0.02)


def test_a_network_that_diverged_has_no_likelihood():
    network = small_network(2)
    bias = lambda t: t.vae.decoder.output.bias  # noqa: E731
    network = eqx.tree_at(bias, network, jnp.full(6, jnp.nan))
    assert np.isnan(quadrature(network, binary(6)[:3]).neg_log_likelihood).all()
