"""The optimiser and its schedule, as an Optax transformation.

Adam's learning rate at step t of T is learning_rate times

    min(1, (t + 1) / (warm_up T), (T - t) / (decay T)),

that is constant for the report, whose warm_up and decay are 0.

References:
    Kingma & Ba (2015), Adam: A Method for Stochastic Optimization, algorithm 1.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from latentsweep.study import Study


def adam(study: Study, steps: int) -> optax.GradientTransformation:
    """Adam as the study sets it, for a training of so many steps."""
    return optax.adam(
        lambda step: study.learning_rate * rate_factor(step, steps, study.warm_up, study.decay),
        b1=study.adam_beta1,
        b2=study.adam_beta2,
        eps=study.adam_epsilon,
    )


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
