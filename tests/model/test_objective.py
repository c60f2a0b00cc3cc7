"""The two objectives against closed forms of the Keras-blog loss and of the ELBO."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from latentsweep.evaluation.rate import ACTIVE_ABOVE
from latentsweep.model.objective import BLOG_NOISE, OBJECTIVES, penalty, rate_per_dimension
from latentsweep.study import OBJECTIVE_LABELS

TAU = BLOG_NOISE
ONE = np.ones(1)


def scalar_penalty(mean: float, log_scale: float) -> float:
    with jax.enable_x64(True):
        return penalty(jnp.array([mean]), jnp.array([log_scale]), jnp.array(ONE)).item()


def sigma(name: str, log_scale: float) -> float:
    with jax.enable_x64(True):
        return jnp.exp(OBJECTIVES[name].log_sigma(jnp.array([log_scale]))).item()


def best_log_scale(name: str, curvature: float) -> float:
    """The head's output that is cheapest when reconstruction costs h sigma^2 / 2."""
    cost = lambda s: curvature * sigma(name, s) ** 2 / 2 + scalar_penalty(0.0, s)  # noqa: E731
    return optimize.minimize_scalar(cost, bounds=(-20, 3), options={"xatol": 1e-9}).x


def test_every_objective_has_a_label_for_people():
    assert list(OBJECTIVES) == list(OBJECTIVE_LABELS)


@pytest.mark.parametrize("curvature", [0.1, 10.0, 100.0, 1e3, 1e4])
def test_best_sigma_has_its_closed_form(curvature):
    blog = (-1 / TAU + np.sqrt(1 / TAU**2 + 8 * curvature)) / (4 * curvature)
    elbo = (1 + curvature) ** -0.5
    assert sigma("keras-blog", best_log_scale("keras-blog", curvature)) == pytest.approx(
        blog, abs=1e-4
    )
    assert sigma("elbo", best_log_scale("elbo", curvature)) == pytest.approx(elbo, abs=1e-4)


@pytest.mark.parametrize(
    ("curvature", "gap"), [(0.1, -1.81), (10.0, -1.96), (100.0, -2.40), (1e3, -3.01), (1e4, -3.61)]
)
def test_blog_penalty_understates_the_rate_by_the_known_nats(curvature, gap):
    s = best_log_scale("keras-blog", curvature)
    with jax.enable_x64(True):
        rate = rate_per_dimension(OBJECTIVES["keras-blog"], jnp.zeros(1), jnp.array([s])).item()
    assert scalar_penalty(0.0, s) - rate == pytest.approx(gap, abs=0.005)


def test_gap_of_the_blog_penalty_is_its_formula():
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        mean, s = jnp.array(rng.normal(size=6)), jnp.array(rng.normal(-1, 1, size=6))
        rate = rate_per_dimension(OBJECTIVES["keras-blog"], mean, s).sum()
        gap = penalty(mean, s, jnp.ones(6)) - rate
    true = TAU * np.exp(np.asarray(s))
    assert gap.item() == pytest.approx(0.5 * np.sum(true / TAU - true**2 + np.log(true * TAU)))


def test_elbo_penalty_is_the_rate():
    mean, s = jnp.array([[0.3, -1.0], [2.0, 0.0]]), jnp.array([[-1.0, 0.4], [0.0, -3.0]])
    rate = rate_per_dimension(OBJECTIVES["elbo"], mean, s).sum(axis=-1)
    cost = jax.vmap(penalty, in_axes=(0, 0, None))(mean, s, jnp.ones(2))
    np.testing.assert_allclose(cost, rate, rtol=1e-6)


def test_padded_latents_cost_nothing():
    mean, s = jnp.array([0.3, 9.0]), jnp.array([-1.0, 7.0])
    masked = penalty(mean, s, jnp.array([1.0, 0.0])).item()
    assert masked == pytest.approx(scalar_penalty(0.3, -1.0), rel=1e-6)


def linear_gaussian_amplitude(name: str, ratio: float) -> float:
    """How much of a direction of variance `ratio` times the decoder's the best code keeps: w r

    x ~ N(0, ratio), x_hat = w z, z ~ N(r x, sigma^2), unit decoder variance; the expected loss is
    [ratio (1 - w r)^2 + w^2 sigma^2] / 2 + E[penalty]. At given r and s the best w is linear
    regression, so only r^2 ratio (the variance of the mean) and s are searched.
    """

    def loss(x: np.ndarray) -> float:
        spread, s = np.exp(x[0]), x[1]
        residual = ratio * sigma(name, s) ** 2 / (spread + sigma(name, s) ** 2)
        return residual / 2 + scalar_penalty(np.sqrt(spread), s)

    starts = [(-2.0, -1.0), (-8.0, 0.0), (0.0, -3.0)]
    found = min((optimize.minimize(loss, s, method="Nelder-Mead", options={"xatol": 1e-9,
        "fatol": 1e-14, "maxiter": 4000}) for s in starts), key=lambda r: r.fun)  # fmt: skip
    spread = np.exp(found.x[0])
    return spread / (spread + sigma(name, found.x[1]) ** 2)


@pytest.mark.parametrize(
    ("name", "dead", "alive"), [("keras-blog", 0.009, 0.011), ("elbo", 0.9, 1.1)]
)
def test_a_latent_becomes_useful_at_its_threshold(name, dead, alive):
    assert linear_gaussian_amplitude(name, dead) < 1e-3 < ACTIVE_ABOVE
    assert linear_gaussian_amplitude(name, alive) > ACTIVE_ABOVE


def test_blog_objective_encodes_pure_noise():
    assert linear_gaussian_amplitude("keras-blog", 0.9) == pytest.approx(0.910, abs=2e-3)
    assert linear_gaussian_amplitude("keras-blog", 1.1) == pytest.approx(0.920, abs=2e-3)


def test_the_log_scale_of_an_elbo_network_is_bounded_smoothly_and_as_it_is_within():
    elbo, blog = OBJECTIVES["elbo"], OBJECTIVES["keras-blog"]
    inside = jnp.linspace(-30, 1, 1001)
    np.testing.assert_array_equal(elbo.bounded(inside), inside)
    far = jnp.array([-1e30, -1e3, -30.5, 1.5, 1e3, 1e30])
    np.testing.assert_array_equal(blog.bounded(far), far)
    got = np.asarray(elbo.bounded(far))
    assert np.all(np.diff(got) >= 0)
    assert got.min() >= -31
    assert got.max() <= 2
    slope = jax.vmap(jax.grad(lambda head: elbo.bounded(head[None])[0]))
    np.testing.assert_allclose(slope(jnp.array([-30.0, 1.0])), 1, atol=1e-6)
    np.testing.assert_allclose(slope(jnp.array([-30.001, 1.001])), 1, atol=3e-3)
    assert np.all(np.asarray(slope(jnp.array([-500.0, 500.0]))) > 0)  # it can always come back


def test_bounds_stay_when_the_penalty_is_weighed():
    for reduction in ("sum", "mean"):
        weighed = OBJECTIVES["elbo"].weighed(2.0, reduction, 12, 3)
        assert (weighed.least, weighed.most) == (-30.0, 1.0)
