"""Values in [0, 1] with a density, the decoder's outputs being logits l.

With sigmoid(l) = s it is proportional to s^x (1 - s)^(1 - x), as Bernoulli's probability is. Summed
over x in {0, 1} that is 1; over the interval it is not, and is divided by its integral:

    integral of e^(l x) over [0, 1] = (e^l - 1) / l
    C(l) = (1 + e^l) l / (e^l - 1) = l / tanh(l / 2)

Every closed form has a removable singularity at l = 0, around which its Taylor series is taken. The
other branch is then evaluated at the edge of that neighbourhood, since a gradient takes both.

References:
    Loaiza-Ganem & Cunningham (2019), The continuous Bernoulli: fixing a pervasive error in
    variational autoencoders, equations 5 to 8.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from latentsweep.model.likelihoods.interface import Likelihood

# Below this |l| the series' next terms are under 1e-8; above it the closed forms lose no digits.
_NEAR_ZERO = 0.5
_NEAR_UNIFORM = 1e-3
_NEWTON_STEPS = 6


class ContinuousBernoulli(Likelihood):
    """Values in [0, 1] with a density, the decoder's outputs being logits.

    log p(x | l) = sum_d x_d l_d - softplus(l_d) + log C(l_d)
    """

    def log_prob(self, target, parameters, shared):  # noqa: ARG002
        """Sum over features of x l - log((e^l - 1) / l), in nats: softplus and log C in one."""
        logits = parameters[0]
        return jnp.sum(target * logits - _log_integral(logits))

    def mean(self, parameters):
        """The expected values, which are not sigmoid(l)."""
        return _expected(parameters[..., 0, :])

    def sample(self, key, parameters, shared):  # noqa: ARG002
        """Draws by the inverse of the distribution function."""
        logits = parameters[..., 0, :]
        return _quantile(jax.random.uniform(key, logits.shape, logits.dtype), logits)

    def baseline(self, train):
        """Logits whose expected value is the mean of each feature, smoothed as for Bernoulli."""
        means = (jnp.sum(train, axis=0) + 0.5) / (len(train) + 1)
        return _logits_of(means)[None], jnp.zeros(())


def _log_integral(logits: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """log of the integral of e^(l x) over [0, 1].

    max(l, 0) + log((1 - e^-|l|) / |l|), near 0 l / 2 + l^2 / 24 - l^4 / 2880 + l^6 / 181440
    """
    near, size = _size(logits)
    square = jnp.where(near, logits, 0.0) ** 2
    series = 0.5 * logits + square / 24 - square**2 / 2880 + square**3 / 181440
    closed = jnp.maximum(logits, 0.0) + jnp.log(-jnp.expm1(-size) / size)
    return jnp.where(near, series, closed)


def _expected(logits: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """The derivative of that, which is the mean.

    For l < 0 1 / |l| - 1 / (e^|l| - 1), for l > 0 one less that, near 0
    1 / 2 + l / 12 - l^3 / 720 + l^5 / 30240. With s = sigmoid(l) it is s / (2 s - 1) - 1 / l.
    """
    near, size = _size(logits)
    inner = jnp.where(near, logits, 0.0)
    series = 0.5 + inner / 12 - inner**3 / 720 + inner**5 / 30240
    least = 1 / size + jnp.exp(-size) / jnp.expm1(-size)
    return jnp.where(near, series, jnp.where(logits < 0, least, 1 - least))


def _size(logits: Float[Array, "*any"]) -> tuple[Array, Array]:
    """Where a logit is near 0, and |l|, but a number that divides there."""
    near = jnp.abs(logits) < _NEAR_ZERO
    return near, jnp.where(near, _NEAR_ZERO, jnp.abs(logits))


def _quantile(
    u: Float[Array, "*rows D"], logits: Float[Array, "*rows D"]
) -> Float[Array, "*rows D"]:
    """The value below which a share u of the distribution lies.

    For l < 0 log(1 - u (1 - e^-|l|)) / -|l|, for l > 0 one less that, near 0 u + l u (1 - u) / 2
    """
    near = jnp.abs(logits) < _NEAR_UNIFORM
    size = jnp.where(near, _NEAR_UNIFORM, jnp.abs(logits))
    mirrored = -jnp.log1p(u * jnp.expm1(-size)) / size
    closed = jnp.clip(jnp.where(logits < 0, mirrored, 1 - mirrored), 0.0, 1.0)
    return jnp.where(near, u + logits * u * (1 - u) / 2, closed)


def _logits_of(means: Float[Array, " D"]) -> Float[Array, " D"]:
    """The logits of these means, by Newton's method.

    The mean is 1 / 2 + L(l / 2) / 2 with Langevin's function L, whose inverse begins as Cohen's
    y (3 - y^2) / (1 - y^2). The smaller of a mean and its mirror image is solved for, since a mean
    near 1 has lost its digits.

    References:
        Cohen (1991), A Padé approximant to the inverse Langevin function, equation 12.
    """
    least = jnp.minimum(means, 1 - means)
    y = 2 * least - 1
    logits = 2 * y * (3 - y**2) / (4 * least * (1 - least))
    slope = jax.vmap(jax.grad(_expected))
    step = lambda _, l: l - (_expected(l) - least) / slope(l)  # noqa: E731, E741
    logits = jax.lax.fori_loop(0, _NEWTON_STEPS, step, logits)
    return jnp.where(means < 0.5, logits, -logits)
