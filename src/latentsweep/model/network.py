"""Dense networks; the report's has one layer of ReLU units each way.

    encoder:  h = relu(x W + b),   mean = h W_0 + b_0,   s = h W_1 + b_1
    decoder:  h = relu(z W + b),   parameters = h W + b

Deeper ones have more such layers between the first and the last, the decoder's sizes being the
encoder's in reverse. Either part may have a linear path beside its layers,

    mean = h W_0 + b_0 + x A + a,   parameters = h W + b + z B + c,

which is zero in a fresh network (`principal` sets it).

Kernels are Glorot-uniform, U(-l, l) with l = sqrt(6 / (fan_in + fan_out)), and biases zero. Where a
fan is the latent width it is the network's own latent size, not the width it is padded to, and
weights are drawn per latent column, so that a padded network begins exactly like an unpadded one
(its family zeroes the columns that pad it).

References:
    Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward neural
    networks, equation 16.
"""

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from latentsweep.model.shape import NetworkShape


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
    deeper: tuple[Linear, ...] = ()
    path: Linear | None = None

    @property
    def width(self) -> int:
        """K, padding included."""
        return self.heads.bias.shape[-1]

    def __call__(self, x: Float[Array, " D"]) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
        """The mean and the log-scale s."""
        mean, log_scale = self.heads(through(x, self.hidden, *self.deeper))
        return beside(mean, self.path, x), log_scale


class Decoder(eqx.Module):
    """From a code to the likelihood's parameters."""

    hidden: Linear
    output: Linear
    parameters_per_feature: int = eqx.field(static=True)
    deeper: tuple[Linear, ...] = ()
    path: Linear | None = None

    def __call__(self, z: Float[Array, " K"]) -> Float[Array, "P D"]:
        """The likelihood's parameters of each feature."""
        made = self.output(through(z, self.hidden, *self.deeper))
        return beside(made, self.path, z).reshape(self.parameters_per_feature, -1)


class LinearDecoder(eqx.Module):
    """From a code to the likelihood's parameters, without a hidden layer."""

    output: Linear
    parameters_per_feature: int = eqx.field(static=True)

    def __call__(self, z: Float[Array, " K"]) -> Float[Array, "P D"]:
        """The likelihood's parameters of each feature."""
        return self.output(z).reshape(self.parameters_per_feature, -1)


def through(x: Float[Array, " fan_in"], *layers: Linear) -> Float[Array, " fan_out"]:
    """What layers of ReLU units, one after the other, make of x."""
    for layer in layers:
        x = jax.nn.relu(layer(x))
    return x


def beside(
    made: Float[Array, " fan_out"], path: Linear | None, x: Float[Array, " fan_in"]
) -> Float[Array, " fan_out"]:
    """What layers made of x, with what a linear path beside them makes of it, if there is one."""
    return made if path is None else made + path(x)


def initial_path(shape: NetworkShape, fan_in: int, fan_out: int) -> Linear | None:
    """A linear path that gives 0, where such networks have one."""
    if not shape.path:
        return None
    return Linear(jnp.zeros((fan_in, fan_out)), jnp.zeros(fan_out))


def initial_encoder(
    key: Key[Array, ""], shape: NetworkShape, latent_size: Float[Array, ""]
) -> Encoder:
    """An encoder of `shape.width` latent columns with the fresh weights of one of `latent_size`."""
    hidden_key, heads_key = jax.random.split(key)
    return Encoder(
        hidden=initial_linear(hidden_key, shape.features, shape.hidden[0]),
        heads=initial_heads(heads_key, shape.hidden[-1], shape.width, latent_size),
        deeper=_deeper(key, shape.hidden),
        path=initial_path(shape, shape.features, shape.width),
    )


def initial_decoder(
    key: Key[Array, ""], shape: NetworkShape, latent_size: Float[Array, ""]
) -> Decoder:
    """A decoder of `shape.width` latent rows with the fresh weights of one of `latent_size`."""
    hidden_key, output_key = jax.random.split(key)
    outputs = shape.parameters_per_feature * shape.features
    return Decoder(
        hidden=initial_from_code(hidden_key, shape.width, shape.hidden[-1], latent_size),
        output=initial_linear(output_key, shape.hidden[0], outputs),
        parameters_per_feature=shape.parameters_per_feature,
        deeper=_deeper(key, shape.hidden[::-1]),
        path=initial_path(shape, shape.width, outputs),
    )


def initial_linear_decoder(
    key: Key[Array, ""], shape: NetworkShape, latent_size: Float[Array, ""]
) -> LinearDecoder:
    """A linear decoder of `shape.width` latent rows, as fresh as one of `latent_size`."""
    outputs = shape.parameters_per_feature * shape.features
    output = initial_from_code(key, shape.width, outputs, latent_size)
    return LinearDecoder(output, shape.parameters_per_feature)


def initial_heads(
    key: Key[Array, ""], fan_in: int, width: int, latent_size: Float[Array, ""]
) -> Heads:
    """Both heads, padded to `width`, with the fresh weights of those of `latent_size`."""
    columns = _columns(key, width, (2, fan_in))
    weight = _limit(fan_in, latent_size) * jnp.transpose(columns, (2, 1, 0))
    return Heads(weight, jnp.zeros((2, width)))


def initial_from_code(
    key: Key[Array, ""], width: int, fan_out: int, latent_size: Float[Array, ""]
) -> Linear:
    """A layer that takes a code padded to `width`, as fresh as one that takes `latent_size`."""
    rows = _columns(key, width, (fan_out,))
    return Linear(_limit(latent_size, fan_out) * rows, jnp.zeros(fan_out))


def initial_linear(key: Key[Array, ""], fan_in: int, fan_out: int) -> Linear:
    """A fresh layer."""
    weight = _limit(fan_in, fan_out) * jax.random.uniform(key, (fan_in, fan_out), minval=-1.0)
    return Linear(weight, jnp.zeros(fan_out))


def _deeper(key: Key[Array, ""], sizes: tuple[int, ...]) -> tuple[Linear, ...]:
    """The layers between layers of these sizes; 0 and 1 are the keys of the first and the last."""
    keys = (jax.random.fold_in(key, place) for place in range(2, len(sizes) + 1))
    return tuple(
        initial_linear(each, *pair) for each, pair in zip(keys, pairwise(sizes), strict=False)
    )


def _columns(key: Key[Array, ""], width: int, shape: tuple[int, ...]) -> Float[Array, "K *shape"]:
    """U(-1, 1) numbers, those of latent column k the same whatever the width."""
    draw = jax.vmap(lambda k: jax.random.uniform(jax.random.fold_in(key, k), shape, minval=-1.0))
    return draw(jnp.arange(width))


def _limit(fan_in: Float[Array, ""] | int, fan_out: Float[Array, ""] | int) -> Float[Array, ""]:
    return jnp.sqrt(6.0 / (fan_in + fan_out))
