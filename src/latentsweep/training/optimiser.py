"""The optimiser: Adam with a schedule of its rate.

The learning rate at step t of T, counted from 0, is learning_rate times

    min(1, (t + 1) / (warm_up T), (T - t) / (decay T)),

that is constant for the report, whose warm_up and decay are 0.

With gradients g, moments m and v, and t counted from 1, a step is

    m <- beta1 m + (1 - beta1) g,    v <- beta2 v + (1 - beta2) g^2,
    w <- w - rate_t m / (sqrt(v) + epsilon),     rate_t = rate sqrt(1 - beta2^t) / (1 - beta1^t).

This is the efficient order that Adam's authors give, and the one of Keras: the biases are corrected
in one number a step, so that a weight costs one root and one division. (The literal order, which
Optax and PyTorch compute, costs three divisions a weight, and its epsilon is sqrt(1 - beta2^t)
times as large.)

Weights may decay beside the gradient's steps, as in AdamW, but at the end of an epoch for all of
its steps at once:

    w <- w exp(-weight_decay sum of the epoch's rates),

which is the same to first order, and costs nothing in a step. What decays are the kernels of the
layers; biases do not, and a linear path beside the layers does not, so that networks shrink towards
the linear model.

References:
    Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization, algorithm 2.
    Kingma & Ba (2015), Adam: A Method for Stochastic Optimization, section 2, last paragraph.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from latentsweep.study import Study

_KERNEL = 2  # axes at least
Stepped: TypeAlias = tuple[Array, Array, Array]  # weight, m, v


class Moments(eqx.Module):
    """Adam's state: steps done, and for each weight the means of gradients and of their squares."""

    count: Int[Array, ""]
    mu: Any
    nu: Any


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam; `rate` is the learning rate at steps, counted from 0."""

    rate: Callable[[Int[Array, " T"]], Float[Array, "*T"]]
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float = 0.0

    def initial(self, weights: Any) -> Moments:
        """Moments before the first step: 0."""
        zeros = jax.tree.map(jnp.zeros_like, weights)
        return Moments(jnp.zeros((), int), zeros, zeros)

    def rates(self, moments: Moments, steps: int) -> Float[Array, " T"]:
        """rate_t of so many steps to come: known before they are taken."""
        step = moments.count + jnp.arange(steps)
        t = jnp.asarray(step + 1, float)
        return self.rate(step) * jnp.sqrt(1 - self.beta2**t) / (1 - self.beta1**t)

    def decayed(self, weights: Any, moments: Moments, steps: int) -> Any:
        """The weights at the end of so many steps, the last of which `moments` is after."""
        if not self.weight_decay:
            return weights
        done = moments.count - steps + jnp.arange(steps)
        share = jnp.exp(-self.weight_decay * jnp.sum(jnp.broadcast_to(self.rate(done), steps)))

        def decay(path: tuple[Any, ...], weight: Array) -> Array:
            names = {getattr(key, "name", None) for key in path}
            kept = weight.ndim < _KERNEL or names & {"bias", "path"}
            return weight if kept else share * weight

        return jax.tree_util.tree_map_with_path(decay, weights)

    def step(
        self,
        weights: Any,
        gradient: Any,
        moments: Moments,
        rate: Float[Array, ""],
        one: Callable[..., Stepped] | None = None,
    ) -> tuple[Any, Moments]:
        """Weights and moments after one step.

        Args:
            rate: this step's of `rates`.
            one: takes the step of each weight, if not `one` of this.
        """
        each = partial(one or self.one, rate)
        stepped = jax.tree.map(each, weights, gradient, moments.mu, moments.nu)
        whole, of_one = (jax.tree.structure(tree) for tree in (weights, (0, 0, 0)))
        weights, mu, nu = jax.tree.transpose(whole, of_one, stepped)
        return weights, Moments(moments.count + 1, mu, nu)

    def one(
        self, rate: Float[Array, ""], weight: Array, gradient: Array, m: Array, v: Array
    ) -> Stepped:
        """One weight and its moments after a step."""
        m = self.beta1 * m + (1 - self.beta1) * gradient
        v = self.beta2 * v + (1 - self.beta2) * gradient**2
        return weight - rate * m / (jnp.sqrt(v) + self.epsilon), m, v


def adam(study: Study, steps: int) -> Adam:
    """Adam as the study sets it, for a training of so many steps."""

    def rate(step: Int[Array, " T"]) -> Float[Array, "*T"]:
        return study.learning_rate * rate_factor(step, steps, study.warm_up, study.decay)

    betas = study.adam_beta1, study.adam_beta2
    return Adam(rate, *betas, study.adam_epsilon, study.weight_decay)


def rate_factor(
    step: jax.typing.ArrayLike, steps: int, warm_up: float, decay: float
) -> Float[Array, "*T"]:
    """Share of the learning rate at steps: rises over the warm-up, falls over the decay."""
    step, factor = jnp.asarray(step), jnp.ones(())
    if warm_up:
        factor = jnp.minimum(factor, (step + 1) / (warm_up * steps))
    if decay:
        factor = jnp.minimum(factor, (steps - step) / (decay * steps))
    return factor
