"""The report's network: one dense layer of ReLU units each way.

    encoder:  h = relu(x W + b),   mean = h W_0 + b_0,   s = h W_1 + b_1
    decoder:  h = relu(z W + b),   parameters = h W + b

Kernels are Glorot-uniform, U(-l, l) with l = sqrt(6 / (fan_in + fan_out)), and biases zero. Where a
fan is the latent width it is the network's own latent size, not the width it is padded to, and
weights are drawn per latent column, so that a padded network begins exactly like an unpadded one
(its family zeroes the columns that pad it).

References:
    Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward neural
    networks, equation 16.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


class NetworkShape(NamedTuple):
    """The sizes that fix a compiled program."""

    features: int
    parameters_per_feature: int
    hidden: int
    width: int


class Linear(eqx.Module):
    """x W + b."""

    weight: Float[Array, "*M fan_in fan_out"]
    bias: Float[Array, "*M fan_out"]

    def __call__(self, x: Float[Array, " fan_in"]) -> Float[Array, " fan_out"]:
        """x W + b."""
        return x @ self.weight + self.bias


class Heads(eqx.Module):
    """Both of the encoder's heads as one product: index 0 the mean, 1 the log-scale s."""

    weight: Float[Array, "*M H 2 K"]
    bias: Float[Array, "*M 2 K"]

    def __call__(self, hidden: Float[Array, " H"]) -> Float[Array, "2 K"]:
        """The mean and the log-scale."""
        flat = hidden @ self.weight.reshape(self.weight.shape[0], -1)
        return flat.reshape(self.bias.shape) + self.bias


class Encoder(eqx.Module):
    """From data to the mean and log-scale of its code."""

    hidden: Linear
    heads: Heads

    def __call__(self, x: Float[Array, " D"]) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
        """The mean and the log-scale s."""
        mean, log_scale = self.heads(jax.nn.relu(self.hidden(x)))
        return mean, log_scale


class Decoder(eqx.Module):
    """From a code to the likelihood's parameters."""

    hidden: Linear
    output: Linear
    parameters_per_feature: int = eqx.field(static=True)

    def __call__(self, z: Float[Array, " K"]) -> Float[Array, "P D"]:
        """The likelihood's parameters of each feature."""
        return self.output(jax.nn.relu(self.hidden(z))).reshape(self.parameters_per_feature, -1)


def initial_encoder(
    key: Key[Array, ""], shape: NetworkShape, latent_size: Float[Array, ""]
) -> Encoder:
    """An encoder of `shape.width` latent columns with the fresh weights of one of `latent_size`."""
    hidden_key, heads_key = jax.random.split(key)
    columns = _columns(heads_key, shape.width, (2, shape.hidden))
    weight = _limit(shape.hidden, latent_size) * jnp.transpose(columns, (2, 1, 0))
    return Encoder(
        hidden=_linear(hidden_key, shape.features, shape.hidden),
        heads=Heads(weight, jnp.zeros((2, shape.width))),
    )


def initial_decoder(
    key: Key[Array, ""], shape: NetworkShape, latent_size: Float[Array, ""]
) -> Decoder:
    """A decoder of `shape.width` latent rows with the fresh weights of one of `latent_size`."""
    hidden_key, output_key = jax.random.split(key)
    rows = _columns(hidden_key, shape.width, (shape.hidden,))
    outputs = shape.parameters_per_feature * shape.features
    return Decoder(
        hidden=Linear(_limit(latent_size, shape.hidden) * rows, jnp.zeros(shape.hidden)),
        output=_linear(output_key, shape.hidden, outputs),
        parameters_per_feature=shape.parameters_per_feature,
    )


def _linear(key: Key[Array, ""], fan_in: int, fan_out: int) -> Linear:
    weight = _limit(fan_in, fan_out) * jax.random.uniform(key, (fan_in, fan_out), minval=-1.0)
    return Linear(weight, jnp.zeros(fan_out))


def _columns(key: Key[Array, ""], width: int, shape: tuple[int, ...]) -> Float[Array, "K *shape"]:
    """U(-1, 1) numbers, those of latent column k the same whatever the width."""
    draw = jax.vmap(lambda k: jax.random.uniform(jax.random.fold_in(key, k), shape, minval=-1.0))
    return draw(jnp.arange(width))


def _limit(fan_in: Float[Array, ""] | int, fan_out: Float[Array, ""] | int) -> Float[Array, ""]:
    return jnp.sqrt(6.0 / (fan_in + fan_out))
