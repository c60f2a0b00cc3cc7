"""The two derivatives by finite differences, at optima that are known, and after a training."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latentsweep.data.catalogue import load_dataset
from latentsweep.evaluation import evaluate
from latentsweep.evaluation.stationarity import CARRIES, largest, shift_and_stretch
from latentsweep.model import family
from latentsweep.model.family import Settings
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import NetworkShape
from latentsweep.model.trained import Trained
from latentsweep.study import Study, load_study
from latentsweep.training.optimiser import adam
from latentsweep.training.orders import Recipe, order_of
from latentsweep.training.steps import State, Terms, initial_state, train_last_chunk

# Each objective's penalty per dimension, of the mean and the standard deviation that is sampled.
PENALTY: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "elbo": lambda m, sigma: (m**2 + sigma**2 - 2 * np.log(sigma) - 1) / 2,
    "keras-blog": lambda m, sigma: (m**2 + sigma / 0.1 - np.log(sigma / 0.1) - 1) / 2,
}
OTHER = {"elbo": "keras-blog", "keras-blog": "elbo"}
RNG = np.random.default_rng(0)


def derivatives(codes: np.ndarray, scales: np.ndarray, objective: str) -> np.ndarray:
    numbers = OBJECTIVES[objective]
    return shift_and_stretch(codes, scales, numbers.slope, numbers.offset)


def kl(codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    return PENALTY["elbo"](codes, scales).mean(axis=0)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_they_are_the_derivatives_of_the_mean_penalty(objective):
    codes = RNG.normal(size=(40, 3)) * [1, 0.3, 2] + [0.5, -1, 0]
    scales = np.exp(RNG.normal(-1, 0.5, size=(40, 3)))
    step = 1e-6

    def mean_penalty(shift: float, stretch: float) -> np.ndarray:
        moved = (1 + stretch) * codes + shift, (1 + stretch) * scales
        return PENALTY[objective](*moved).mean(axis=0)

    along_shift = (mean_penalty(step, 0) - mean_penalty(-step, 0)) / (2 * step)
    along_stretch = (mean_penalty(0, step) - mean_penalty(0, -step)) / (2 * step)
    got = derivatives(codes, scales, objective)
    np.testing.assert_allclose(got, [along_shift, along_stretch], rtol=1e-7, atol=1e-8)


def exact_codes(latent_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and scales of data under its own probabilistic PCA."""
    data = RNG.normal(size=(200, 8)) @ RNG.normal(size=(8, 8)) + 3
    eigenvalues, vectors = np.linalg.eigh(np.cov(data.T, bias=True))
    variance = eigenvalues[:-latent_size].mean()
    kept, columns = eigenvalues[-latent_size:], vectors[:, -latent_size:]
    codes = (data - data.mean(axis=0)) @ columns * np.sqrt(kept - variance) / kept
    return codes, np.broadcast_to(np.sqrt(variance / kept), codes.shape)


@pytest.mark.parametrize("latent_size", [1, 3, 6])
def test_both_are_zero_at_the_optimum_of_probabilistic_pca(latent_size):
    codes, scales = exact_codes(latent_size)
    np.testing.assert_allclose((codes**2 + scales**2).mean(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(derivatives(codes, scales, "elbo"), 0, atol=1e-12)
    assert largest(derivatives(codes, scales, "keras-blog"), kl(codes, scales))[1] > 0.1


def test_codes_of_the_blog_objective_have_at_most_half_the_priors_variance():
    """E[m^2] = (1 - E[sigma] / 0.1) / 2 where it is stationary."""
    scales = RNG.uniform(0.01, 0.05, size=(500, 2))
    codes = RNG.normal(size=(500, 2))
    codes -= codes.mean(axis=0)
    codes *= np.sqrt((1 - scales.mean(axis=0) / 0.1) / 2 / codes.var(axis=0))
    np.testing.assert_allclose(derivatives(codes, scales, "keras-blog"), 0, atol=1e-12)
    np.testing.assert_allclose(derivatives(codes + 0.3, scales, "keras-blog")[0], 0.3, rtol=1e-9)


def test_float32_codes_are_averaged_in_float64():
    codes = RNG.normal(size=(1000, 2)).astype(np.float32)
    scales = RNG.uniform(0.1, 1, size=(1000, 2)).astype(np.float32)
    exact = derivatives(codes.astype(float), scales.astype(float), "elbo")
    np.testing.assert_allclose(derivatives(codes, scales, "elbo"), exact, rtol=0, atol=1e-12)


def test_only_dimensions_that_carry_something_are_looked_at():
    both = np.array([[0.01, -0.03, 5.0, -7.0], [-0.2, 0.1, 5.0, 7.0]])
    assert largest(both, np.array([2.0, 0.101, CARRIES, 0.0])) == (0.03, 0.2)
    assert largest(both, np.zeros(4)) == (0.0, 0.0)


def test_a_diverged_network_has_none():
    codes, scales = np.full((5, 2), np.nan, np.float32), np.full((5, 2), np.inf, np.float32)
    both = derivatives(codes, scales, "keras-blog")
    assert np.isnan(largest(both, np.full(2, np.nan))).all()


EPOCHS, LATENTS = 200, 3
VALUES = load_dataset(Study(name="x", data="digits", likelihood="bernoulli"))
TRAIN = VALUES.values[VALUES.splits["train"]].reshape(-1, 64)


@pytest.fixture(scope="module")
def trained() -> dict[str, Trained]:
    """A small network of each objective, on the digits, with a learning rate that falls to 0."""
    changes = {"batch_size": 64, "epochs": EPOCHS, "learning_rate": 0.015, "decay": 1.0}
    study = load_study("digits").changed(changes)
    recipe = Recipe(
        shape=NetworkShape((64,), 1, (16,), LATENTS),
        likelihood=LIKELIHOODS["bernoulli"],
        scale=VALUES.scale,
        optimiser=adam(study, EPOCHS * -(-len(TRAIN) // 64)),
        batch_size=64,
        examples=len(TRAIN),
        products="float32",
    )
    values, none = jnp.asarray(TRAIN), jnp.zeros(recipe.steps_per_epoch)
    orders = jnp.stack([order_of(0, epoch, recipe) for epoch in range(EPOCHS)])

    def fitted(settings: Settings) -> State:
        def epoch(state: State, order: jax.Array) -> tuple[State, None]:
            amid = state, Terms(none, none)
            return train_last_chunk(state, amid, settings, order, 0, values, recipe)[0], None

        return jax.lax.scan(epoch, initial_state(settings, recipe), orders)[0]

    members = [
        Settings(jnp.int32(0), jnp.int32(LATENTS), jax.tree.map(jnp.float32, numbers))
        for numbers in OBJECTIVES.values()
    ]
    states = jax.jit(family.each(fitted, "map"))(family.stacked(members))
    networks = [family.member(states, index).vae for index in range(len(members))]
    rest = recipe.likelihood, jnp.zeros(()), recipe.scale
    return {
        name: Trained(vae, settings, *rest)
        for name, vae, settings in zip(OBJECTIVES, networks, members, strict=True)
    }


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_training_to_its_end_leaves_both_near_zero(trained, objective):
    arrays = evaluate.stationarity(trained[objective], TRAIN)
    codes, scales = evaluate.encoded(trained[objective], TRAIN)
    both = np.stack([arrays["shift"], arrays["stretch"]])
    np.testing.assert_allclose(both, derivatives(codes, scales, objective), atol=1e-6)
    assert kl(codes, scales).max() > CARRIES
    assert max(largest(both, kl(codes, scales))) < 0.05


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_other_objectives_derivatives_do_not_vanish(trained, objective):
    codes, scales = evaluate.encoded(trained[objective], TRAIN)
    other = derivatives(codes, scales, OTHER[objective])
    assert largest(other, kl(codes, scales))[1] > 0.5


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_decoded_samples_have_the_mean_of_the_data(trained, objective):
    """The derivative by the decoder's last bias, which takes on what all examples share."""
    places = np.arange(len(TRAIN))
    decoded = evaluate.decoded_sample(trained[objective], TRAIN, places, draws=1)
    np.testing.assert_allclose(decoded.mean(axis=0), (TRAIN / 16).mean(axis=0), rtol=0, atol=0.01)
