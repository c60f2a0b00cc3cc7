"""Measurements against plain NumPy written from the definitions."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import nbinom, poisson

from latentsweep.data.dataset import Scale
from latentsweep.evaluation import evaluate
from latentsweep.evaluation.bounds import draw_noise, entropy_floor, no_latent
from latentsweep.model.family import Settings, Stream, initial_member, padded, stream
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import NetworkShape
from latentsweep.model.trained import Trained
from latentsweep.study import FACTS

FEATURES, LATENTS, WIDTH, DRAWS = 6, 2, 5, 4
SHAPE = NetworkShape((FEATURES,), 1, (8,), LATENTS)
VALUES = np.random.default_rng(0).integers(0, 256, (70, FEATURES)).astype(np.uint8)
SIGMA = {"keras-blog": lambda s: 0.1 * np.exp(s), "elbo": lambda s: np.exp(s / 2)}


def network(
    objective: str, likelihood: str, width: int = LATENTS, latents: int = LATENTS
) -> Trained:
    numbers = jax.tree.map(jnp.float32, OBJECTIVES[objective])
    settings = Settings(jnp.int32(3), jnp.int32(latents), numbers)
    shape = SHAPE._replace(parameters_per_feature=LIKELIHOODS[likelihood].parameters_per_feature)
    own = initial_member(settings, shape._replace(width=latents))
    vae = padded(own, shape._replace(width=width))
    shared = jnp.float32(0.4 if likelihood == "gaussian" else 0)
    return Trained(
        vae, settings, LIKELIHOODS[likelihood], shared, Scale(0.0, factor_of(likelihood))
    )


def factor_of(likelihood: str) -> float:
    return 1.0 if FACTS[likelihood].counts else 255.0


def log_integral(logits: np.ndarray) -> np.ndarray:
    return np.log(np.expm1(logits) / logits)


def rate(out: np.ndarray) -> np.ndarray:
    return np.exp(np.clip(out, -20, 20))


def negative_binomial(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    mean, dispersion = rate(out[:, :FEATURES]), np.exp(np.clip(out[:, FEATURES:], -10, 15))
    return nbinom(dispersion, dispersion / (dispersion + mean)).logpmf(x)


# Of each value, log p and the expected value, given the decoder's outputs [examples, outputs].
LOG_PROBS = {
    "bernoulli": lambda x, out: x * out - np.logaddexp(0, out),
    "continuous-bernoulli": lambda x, out: x * out - log_integral(out),
    "gaussian": lambda x, out: -0.5 * ((x - out) ** 2 / 0.4 + np.log(2 * np.pi * 0.4)),
    "poisson": lambda x, out: poisson(rate(out)).logpmf(x),
    "negative-binomial": negative_binomial,
}
MEANS = {
    "bernoulli": expit,
    "continuous-bernoulli": lambda out: -1 / np.expm1(-out) - 1 / out,
    "gaussian": lambda out: out,
    "poisson": rate,
    "negative-binomial": lambda out: rate(out[:, :FEATURES]),
}


@cache
def by_hand(
    objective: str, likelihood: str, keep: tuple[int, int] = (1, 1)
) -> dict[str, np.ndarray]:
    """The documented quantities, from their definitions in float64.

    Samples are taken times `keep`, so that a 0 removes a latent dimension from them.
    """
    trained = network(objective, likelihood)
    x = VALUES / factor_of(likelihood)
    seen = np.log1p(x) if FACTS[likelihood].counts else x
    layer = lambda part: (np.asarray(part.weight, float), np.asarray(part.bias, float))  # noqa: E731
    (w1, b1), (wh, bh) = layer(trained.vae.encoder.hidden), layer(trained.vae.encoder.heads)
    (w2, b2), (w3, b3) = layer(trained.vae.decoder.hidden), layer(trained.vae.decoder.output)
    hidden = np.maximum(seen @ w1 + b1, 0)
    m, s = hidden @ wh[:, 0] + bh[0], hidden @ wh[:, 1] + bh[1]
    if objective == "elbo":  # s is a log-variance, bounded
        excess = s - s.clip(-30, 1)
        s = s - excess + excess / (1 + np.abs(excess))
    sigma = SIGMA[objective](s)
    decode = lambda z: np.maximum(z @ w2 + b2, 0) @ w3 + b3  # noqa: E731

    def cost(z: np.ndarray) -> np.ndarray:
        return -np.sum(LOG_PROBS[likelihood](x, decode(z)), axis=1)

    key = stream(jnp.int32(3), Stream.MEASURING)
    noise = np.stack([np.asarray(draw_noise(key, jnp.int32(i), DRAWS, LATENTS)) for i in range(70)])
    samples = [keep * (m + sigma * noise[:, d]) for d in range(DRAWS)]
    reconstruction = np.mean([cost(z) for z in samples], axis=0)
    kl = 0.5 * (m**2 + sigma**2 - 2 * np.log(sigma) - 1)
    penalty = -0.5 * np.sum(1 + s - m**2 - np.exp(s), axis=1)
    expected = MEANS[likelihood]
    return {
        "test/reconstruction": reconstruction,
        "test/penalty": penalty,
        "test/rate": kl.sum(axis=1),
        "test/loss": reconstruction + penalty,
        "test/neg_elbo": reconstruction + kl.sum(axis=1),
        "test/reconstruction_of_mean": cost(m),
        "test/mse_of_mean": np.mean((expected(decode(m)) - x) ** 2, axis=1),
        "test/mse_of_sample": np.mean((expected(decode(samples[0])) - x) ** 2, axis=1),
        "test/codes": m,
        "test/code_scales": sigma,
        "kl_per_dimension": kl.mean(axis=0),
        "rho": m.var(axis=0) / (m.var(axis=0) + np.mean(sigma**2, axis=0)),
    }


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("width", [LATENTS, WIDTH])
def test_measurements_are_their_definitions(objective, likelihood, width):
    got = evaluate.measured(network(objective, likelihood, width), VALUES, DRAWS)
    expected = by_hand(objective, likelihood)
    assert set(got) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=2e-4, atol=2e-5, err_msg=name)


def test_large_splits_are_measured_in_blocks_with_the_same_numbers(monkeypatch):
    whole = evaluate.measured(network("elbo", "bernoulli"), VALUES, DRAWS)
    monkeypatch.setattr(evaluate, "_EXAMPLES_ON_DEVICE", 35)
    parts = evaluate.measured(network("elbo", "bernoulli"), VALUES, DRAWS)
    for name, values in whole.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-5, err_msg=name)


def test_every_product_of_a_measurement_is_in_float32():
    trained, key, values = network("elbo", "bernoulli"), jax.random.key(0), jnp.asarray(VALUES)
    indices, keep = jnp.arange(70), jnp.ones(LATENTS)
    programs = {
        evaluate._measure_all.lower(trained, key, values, 0, DRAWS): 10,
        evaluate._encoded.lower(trained, values): 2,
        evaluate._decoded_mean.lower(trained, values): 4,
        evaluate._decoded_sample.lower(trained, key, values, indices, DRAWS): 4,
        evaluate._kept.lower(trained, key, values, 0, DRAWS, keep): 4,
        evaluate._decoded.lower(trained, jnp.zeros((3, LATENTS))): 2,
    }
    for lowered, products in programs.items():  # two a code, two a decoded code
        text = lowered.as_text()
        assert text.count("stablehlo.dot_general") == products
        assert text.count("precision = [HIGHEST, HIGHEST]") == products


def test_more_draws_change_only_the_noise():
    few, many = (evaluate.measured(network("elbo", "bernoulli"), VALUES, d) for d in (4, 400))
    np.testing.assert_array_equal(few["test/codes"], many["test/codes"])
    assert 0 < np.abs(few["test/reconstruction"] - many["test/reconstruction"]).mean() < 0.5


def test_decoded_mean():
    trained = network("elbo", "bernoulli", WIDTH)
    decoded = evaluate.decoded_mean(trained, VALUES)
    arrays = by_hand("elbo", "bernoulli")
    mse = np.mean((decoded - VALUES / 255) ** 2, axis=1)
    np.testing.assert_allclose(mse, arrays["test/mse_of_mean"], rtol=1e-4)


@pytest.mark.parametrize(("latents", "dimensions"), [(2, (0, 1)), (3, (2, 0)), (4, (1, 3))])
@pytest.mark.parametrize("padding", [0, 1])
def test_the_grid_is_its_places_decoded_one_by_one(latents, dimensions, padding):
    trained = network("elbo", "bernoulli", latents + padding, latents)
    first, second = dimensions
    grid = evaluate.decoded_grid(trained, dimensions)
    assert grid.shape == (9, 9, FEATURES)
    for row, column in np.ndindex(9, 9):
        place = [0.0] * (latents + padding)
        place[first], place[second] = column / 2 - 2, 2 - row / 2
        decoded = trained.decoded(jnp.array(place, jnp.float32))
        np.testing.assert_allclose(grid[row, column], decoded, rtol=1e-5)


def test_the_grid_of_a_plane_is_the_plane():
    trained = network("elbo", "bernoulli", WIDTH)
    places = [(x / 2 - 2, 2 - y / 2) for y in range(9) for x in range(9)]
    plane = evaluate.decoded(trained, np.array(places, np.float32)).reshape(9, 9, -1)
    np.testing.assert_array_equal(evaluate.decoded_grid(trained), plane)


@pytest.mark.parametrize(
    ("kl", "dimensions"),
    [
        ([1, 5], (0, 1)),
        ([5, 1], (0, 1)),
        ([0.1, 3, 2], (1, 2)),
        ([2, 0.1, 3], (2, 0)),
        ([4, 4, 5, 4], (2, 0)),
        ([np.nan, 1, 2], (2, 1)),
    ],
)
def test_the_grid_is_of_the_dimensions_that_carry_most(kl, dimensions):
    assert evaluate.grid_dimensions(np.array(kl, float)) == dimensions


def test_entropy_floor_is_reached_by_a_perfect_reconstruction():
    x = jnp.array([[0.0, 1.0, 0.25], [0.5, 0.9, 0.1]])
    p = np.clip(np.asarray(x, float), 1e-12, 1 - 1e-12)
    expected = -(p * np.log(p) + (1 - p) * np.log1p(-p)).sum(axis=1).mean()
    assert entropy_floor(x).item() == pytest.approx(expected, rel=1e-5)


def test_no_latent_model_beats_any_other_constant_on_its_training_data():
    x = (VALUES / 255).astype(np.float32)
    fitted = no_latent(LIKELIHOODS["bernoulli"], jnp.asarray(x), jnp.asarray(x)).mean().item()
    p = x.mean(axis=0) * 0.98
    worse = -np.mean(np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1))
    assert fitted < worse


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_weighed_penalty_is_weighed_once_and_only_in_the_loss(objective):
    plain = network(objective, "bernoulli")
    weighed = OBJECTIVES[objective].weighed(0.5, "mean", FEATURES, LATENTS)
    changed = eqx.tree_at(lambda t: t.settings.objective, plain, jax.tree.map(jnp.float32, weighed))
    got, expected = evaluate.measured(changed, VALUES, DRAWS), by_hand(objective, "bernoulli")
    penalty = 0.5 * FEATURES / LATENTS * expected["test/penalty"]
    loss = (expected["test/reconstruction"] + penalty) / FEATURES
    np.testing.assert_allclose(got["test/penalty"], penalty, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(got["test/loss"], loss, rtol=2e-4)
    np.testing.assert_allclose(got["test/neg_elbo"], expected["test/neg_elbo"], rtol=2e-4)


@pytest.mark.parametrize("width", [LATENTS, WIDTH])
def test_encoded_are_the_codes_that_were_measured(width, monkeypatch):
    trained = network("keras-blog", "gaussian", width)
    arrays = evaluate.measured(trained, VALUES, DRAWS)
    monkeypatch.setattr(evaluate, "_EXAMPLES_ON_DEVICE", 35)
    codes, scales = evaluate.encoded(trained, VALUES)
    np.testing.assert_allclose(codes, arrays["test/codes"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scales, arrays["test/code_scales"], rtol=1e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_decoded_sample_is_the_first_draw_that_was_measured(objective):
    trained, indices = network(objective, "bernoulli", WIDTH), np.array([69, 5, 0, 64])
    decoded = evaluate.decoded_sample(trained, VALUES[indices], indices, DRAWS)
    mse = np.mean((decoded - VALUES[indices] / 255) ** 2, axis=1)
    measured = evaluate.measured(trained, VALUES, DRAWS)["test/mse_of_sample"]
    np.testing.assert_allclose(mse, measured[indices], rtol=1e-4)


def ablation(trained: Trained, rho: tuple[float, float]) -> float:
    """What is lost without the units whose rho is given as inactive."""
    arrays = evaluate.measured(trained, VALUES, DRAWS)
    return evaluate.ablation(trained, VALUES, arrays | {"rho": np.array(rho)}, DRAWS)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("width", [LATENTS, WIDTH])
@pytest.mark.parametrize("keep", [(1, 0), (0, 1), (0, 0)])
def test_ablation_is_the_cost_of_codes_with_zeros(objective, width, keep):
    whole, without = (
        by_hand(objective, "gaussian", kept)["test/reconstruction"].mean()
        for kept in ((1, 1), keep)
    )
    got = ablation(network(objective, "gaussian", width), rho=tuple(0.5 * k for k in keep))
    assert abs(without - whole) > 1e-3
    assert got == pytest.approx(without - whole, abs=2e-5)


def test_ablation_is_the_same_in_blocks(monkeypatch):
    trained = network("elbo", "bernoulli")
    arrays = evaluate.measured(trained, VALUES, DRAWS) | {"rho": np.array([0.9, 0.0])}
    whole = evaluate.ablation(trained, VALUES, arrays, DRAWS)
    monkeypatch.setattr(evaluate, "_EXAMPLES_ON_DEVICE", 35)
    assert evaluate.ablation(trained, VALUES, arrays, DRAWS) == pytest.approx(whole, abs=1e-5)


def test_ablation_costs_exactly_nothing_where_all_units_are_active():
    assert ablation(network("elbo", "bernoulli", WIDTH), rho=(0.9, 0.02)) == 0


def test_ablation_of_a_unit_that_the_decoder_ignores_costs_nothing():
    deaf = lambda t: t.vae.decoder.hidden.weight  # noqa: E731
    trained = network("elbo", "bernoulli")
    trained = eqx.tree_at(deaf, trained, deaf(trained).at[1].set(0))
    assert ablation(trained, rho=(0.9, 0.0)) == pytest.approx(0, abs=1e-5)
    assert abs(ablation(trained, rho=(0.0, 0.9))) > 1e-3
