"""The optimiser and its schedule, as an Optax transformation.

Adam's learning rate at step t of T is learning_rate times

    min(1, (t + 1) / (warm_up T), (T - t) / (decay T)),

that is constant for the report, whose warm_up and decay are 0.

With gradients g, moments m and v, and t counted from 1, a step adds

    -rate_t m / (sqrt(v) + epsilon),     rate_t = rate sqrt(1 - beta2^t) / (1 - beta1^t).

This is the efficient order that Adam's authors give, and the one of Keras: the biases are corrected
in one number a step, so that a weight costs one root and one division. (The literal order, which
Optax and PyTorch compute, costs three divisions a weight, and its epsilon is sqrt(1 - beta2^t)
times as large.)

References:
    Kingma & Ba (2015), Adam: A Method for Stochastic Optimization, section 2, last paragraph.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from latentsweep.study import Study


def adam(study: Study, steps: int) -> optax.GradientTransformation:
    """Adam as the study sets it, for a training of so many steps."""
    beta1, beta2, epsilon = study.adam_beta1, study.adam_beta2, study.adam_epsilon

    def init(params: optax.Params) -> optax.ScaleByAdamState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return optax.ScaleByAdamState(jnp.zeros((), int), mu=zeros, nu=zeros)

    def update(updates, state, params=None):  # noqa: ARG001
        t = jnp.asarray(state.count + 1, float)
        rate = study.learning_rate * rate_factor(state.count, steps, study.warm_up, study.decay)
        rate = rate * jnp.sqrt(1 - beta2**t) / (1 - beta1**t)
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, state.mu, updates)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g**2, state.nu, updates)
        added = jax.tree.map(lambda m, v: -rate * m / (jnp.sqrt(v) + epsilon), m, v)
        return added, optax.ScaleByAdamState(state.count + 1, m, v)

    return optax.GradientTransformation(init, update)


def rate_factor(
    step: jax.typing.ArrayLike, steps: int, warm_up: float, decay: float
) -> Float[Array, ""] | float:
    """Share of the learning rate at a step: rises over the warm-up, falls over the decay."""
    step, factor = jnp.asarray(step), 1.0
    if warm_up:
        factor = jnp.minimum(factor, (step + 1) / (warm_up * steps))
    if decay:
        factor = jnp.minimum(factor, (steps - step) / (decay * steps))
    return factor
