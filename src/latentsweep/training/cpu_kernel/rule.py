"""A step of training whose gradients of dense layers the kernel forms and spends."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from latentsweep.model.vae import VAE
from latentsweep.training.cpu_kernel.dense_adam import dense_adam
from latentsweep.training.cpu_kernel.factored import Factors, factors, tapped
from latentsweep.training.optimiser import Adam, Moments


def fused_step(
    adam: Adam,
    loss: Callable[[VAE], tuple[Float[Array, ""], Any]],
    carry: tuple[VAE, Moments],
    rate: Float[Array, ""],
    examples: int,
) -> tuple[tuple[VAE, Moments], Any]:
    """As the plain step, with taps for so many examples in the network that the loss is given."""
    vae, moments = carry
    gradient, beside = jax.grad(loss, has_aux=True)(tapped(vae, examples))
    return adam.step(vae, factors(gradient), moments, rate, partial(_one, adam)), beside


def _one(
    adam: Adam,
    rate: Float[Array, ""],
    weight: Array,
    gradient: Array | Factors,
    m: Array,
    v: Array,
) -> tuple[Array, Array, Array]:
    """A weight and its moments after a step."""
    if not isinstance(gradient, Factors):
        return adam.one(rate, weight, gradient, m, v)
    beta1, beta2 = adam.beta1, adam.beta2
    numbers = jnp.stack([rate, beta1, 1 - beta1, beta2, 1 - beta2, adam.epsilon])
    flat = (len(weight), -1)
    state = weight.reshape(flat), m.reshape(flat), v.reshape(flat)
    weight_, m_, v_ = dense_adam(gradient, numbers, state)
    return weight_.reshape(weight.shape), m_.reshape(weight.shape), v_.reshape(weight.shape)
