"""Gradients of dense layers as their two factors, not yet multiplied out.

A batch's gradient of the weight of y = x W is the sum of outer products

    dL/dW = sum_b x_b (dL/dy_b)^T,

so the layer's inputs [B, I] and the gradients at its outputs [B, O] say all of it, and a kernel
that updates the weight can form it where it is spent. They are had from automatic differentiation
by taps: a layer's weight is replaced by one that carries arrays of zeros for each example, whose
"gradients" are defined to be those factors.

The gradient that goes on to the layer's inputs is W dL/dy_b, computed for all examples as W Y^T:
weights in the order in which they lie in memory, and held so, since XLA would turn the product
around.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from latentsweep.model.network import Heads, Linear
from latentsweep.model.vae import VAE


class Factors(eqx.Module):
    """Inputs of a dense layer, and the loss's gradients at its outputs.

    `read` is a number that can't be known before the layer's weight was read for the last time in
    its step, so that whoever waits for it may change the weight in place.
    """

    inputs: Float[Array, "*B fan_in"]
    outputs: Float[Array, "*B fan_out"]
    read: Float[Array, "*B"]


class Tapped(eqx.Module):
    """A weight W with taps, of one example or of a batch; as much of a weight as layers ask for."""

    weight: Float[Array, "fan_in *fans_out"]
    taps: Factors

    @property
    def shape(self) -> tuple[int, ...]:
        """The weight's."""
        return self.weight.shape

    def reshape(self, *shape: int) -> "Tapped":
        """The weight with its output axes as one."""
        return Tapped(self.weight.reshape(*shape), self.taps)

    def __rmatmul__(self, x: Float[Array, " fan_in"]) -> Float[Array, " fan_out"]:
        """x W."""
        return _product(x, self.weight, self.taps)


def tapped(vae: VAE, examples: int) -> VAE:
    """A network whose dense layers have taps for a batch of so many examples."""

    def tap(layer: object) -> object:
        if not isinstance(layer, Linear | Heads):
            return layer
        fan_in, fan_out = len(layer.weight), layer.bias.size
        taps = Factors(*(jnp.zeros((examples, *size)) for size in ((fan_in,), (fan_out,), ())))
        return eqx.tree_at(lambda linear: linear.weight, layer, Tapped(layer.weight, taps))

    return jax.tree.map(tap, vae, is_leaf=lambda node: isinstance(node, Linear | Heads))


def example_axes(vae: VAE) -> VAE:
    """Which axis of each leaf of a network is that of the examples: 0 for taps, None for others."""

    def axes(node: object) -> object:
        if not isinstance(node, Tapped):
            return None
        of_taps = jax.tree.map(lambda _: 0, node.taps)
        return eqx.tree_at(lambda tapped: (tapped.weight, tapped.taps), node, (None, of_taps))

    return jax.tree.map(axes, vae, is_leaf=lambda node: isinstance(node, Tapped))


def factors(gradient: VAE) -> VAE:
    """A tapped network's gradient, with the factors of each dense weight in its place."""
    return jax.tree.map(
        lambda node: node.taps if isinstance(node, Tapped) else node,
        gradient,
        is_leaf=lambda node: isinstance(node, Tapped),
    )


@jax.custom_vjp
def _product(x: Array, weight: Array, taps: Factors) -> Array:  # noqa: ARG001
    return x @ weight


def _forward(x: Any, weight: Any, taps: Any) -> tuple[Array, tuple]:  # noqa: ARG001
    return x.value @ weight.value, (x.value, weight.value, x.perturbed)


def _backward(kept: tuple, outputs: Array) -> tuple[Array, Array, Factors]:
    x, weight, passed_on = kept
    unused = jnp.zeros_like(weight)
    if not passed_on:  # x is data
        return jnp.zeros_like(x), unused, Factors(x, outputs, jnp.zeros(()))
    inputs = jax.lax.optimization_barrier(jnp.matmul(weight, outputs, precision="highest"))
    return inputs, unused, Factors(x, outputs, inputs[0])


_product.defvjp(_forward, _backward, symbolic_zeros=True)
