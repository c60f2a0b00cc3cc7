"""A convolutional pair for images.

    encoder:  x [H, W, C] -> halved by convolutions, relu after each -> dense layers -> both heads
    decoder:  z -> the dense layers in reverse -> the smallest picture, doubled by as many
              transposed convolutions -> parameters [P, H, W, C]

Kernels are 4 x 4 with a stride of 2, and are computed as products: in blocks of 2 x 2 pixels such a
convolution is one of 2 x 2 blocks with a stride of 1, that is four products of shifted pictures. (A
processor's own convolutions, and above all their gradients, take several times as long.)

A picture is halved, its odd sides rounded up, until its smaller side is at most 8, and once at
least; the first convolution has 32 channels and each further one twice as many, up to 256. The
dense layers are those of the study's `hidden_size`. Weights begin Glorot-uniform, a kernel's fans
being its 16 pixels times its channels.

References:
    Radford, Metz & Chintala (2016), Unsupervised Representation Learning with Deep Convolutional
    Generative Adversarial Networks, section 3 (strided convolutions both ways, no pooling).
"""

from functools import reduce
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from latentsweep.model.network import (
    Heads,
    Linear,
    beside,
    initial_from_code,
    initial_heads,
    initial_linear,
    initial_path,
    through,
)
from latentsweep.model.shape import NetworkShape

_SIDE = 4


class Convolution(eqx.Module):
    """A convolution that halves a picture, or a transposed one that doubles it."""

    kernel: Float[Array, "*M four four fan_in fan_out"]
    bias: Float[Array, "*M fan_out"]

    def halved(
        self, x: Float[Array, "height width fan_in"]
    ) -> Float[Array, "rows columns fan_out"]:
        """The picture of half the sides, rounded up.

        y[i, j] = bias + sum_kl x[2 i + k - 1, 2 j + l - 1] kernel[k, l]
        """
        height, width, channels = x.shape
        rows, columns = -(-height // 2), -(-width // 2)
        around = ((1, 2 * rows + 1 - height), (1, 2 * columns + 1 - width), (0, 0))
        blocks = jnp.pad(x, around).reshape(rows + 1, 2, columns + 1, 2, channels)
        blocks = blocks.transpose(0, 2, 1, 3, 4).reshape(rows + 1, columns + 1, -1)
        parts = _by_block(self.kernel).reshape(2, 2, 4 * channels, -1)
        taken = [
            blocks[down : down + rows, right : right + columns] @ parts[down, right]
            for down, right in _SHIFTS
        ]
        return reduce(jnp.add, taken) + self.bias[None, None]

    def doubled(
        self, x: Float[Array, "rows columns fan_in"], sides: tuple[int, int]
    ) -> Float[Array, "height width fan_out"]:
        """The picture of twice the sides, cut to `sides`: the transpose of `halved`.

        y[2 i + k - 1, 2 j + l - 1] = bias + sum_ij x[i, j] kernel[k, l]
        """
        rows, columns, channels = x.shape
        parts = jnp.moveaxis(_by_block(self.kernel), 4, 2).reshape(2, 2, channels, -1)
        given = [
            jnp.pad(x @ parts[down, right], ((down, 1 - down), (right, 1 - right), (0, 0)))
            for down, right in _SHIFTS
        ]
        blocks = reduce(jnp.add, given).reshape(rows + 1, columns + 1, 2, 2, -1)
        made = blocks.transpose(0, 2, 1, 3, 4).reshape(2 * rows + 2, 2 * columns + 2, -1)
        return made[1 : 1 + sides[0], 1 : 1 + sides[1]] + self.bias[None, None]


_SHIFTS = (0, 0), (0, 1), (1, 0), (1, 1)


def _by_block(
    kernel: Float[Array, "four four fan_in fan_out"],
) -> Float[Array, "two two two two fan_in fan_out"]:
    """The kernel by the 2 x 2 block that a pixel is in, and its place there."""
    return kernel.reshape(2, 2, 2, 2, *kernel.shape[2:]).transpose(0, 2, 1, 3, 4, 5)


class ConvolutionalEncoder(eqx.Module):
    """From a picture to the mean and log-scale of its code."""

    convolutions: tuple[Convolution, ...]
    hidden: tuple[Linear, ...]
    heads: Heads
    item_shape: tuple[int, int, int] = eqx.field(static=True)
    path: Linear | None = None

    @property
    def width(self) -> int:
        """K, padding included."""
        return self.heads.bias.shape[-1]

    def __call__(self, x: Float[Array, " D"]) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
        """The mean and the log-scale s."""
        picture = x.reshape(self.item_shape)
        for convolution in self.convolutions:
            picture = jax.nn.relu(convolution.halved(picture))
        mean, log_scale = self.heads(through(picture.ravel(), *self.hidden))
        return beside(mean, self.path, x), log_scale


class ConvolutionalDecoder(eqx.Module):
    """From a code to the likelihood's parameters of each pixel; `sides` are those on the way."""

    hidden: tuple[Linear, ...]
    convolutions: tuple[Convolution, ...]
    sides: tuple[tuple[int, int], ...] = eqx.field(static=True)
    parameters_per_feature: int = eqx.field(static=True)
    path: Linear | None = None

    def __call__(self, z: Float[Array, " K"]) -> Float[Array, "P D"]:
        """The likelihood's parameters of each feature."""
        picture = through(z, *self.hidden).reshape(*self.sides[0], -1)
        for place, convolution in enumerate(self.convolutions):
            picture = picture if place == 0 else jax.nn.relu(picture)
            picture = convolution.doubled(picture, self.sides[place + 1])
        by_parameter = picture.reshape(*self.sides[-1], self.parameters_per_feature, -1)
        made = jnp.moveaxis(by_parameter, 2, 0)
        return beside(made.ravel(), self.path, z).reshape(self.parameters_per_feature, -1)


def initial_encoder(
    key: Key[Array, ""], shape: NetworkShape, latent_size: Float[Array, ""]
) -> ConvolutionalEncoder:
    """A fresh encoder, padded to `shape.width`."""
    *_, channels = shape.image
    heads_key, dense_key, kernel_key = jax.random.split(key, 3)
    depths = shape.channels
    (rows, columns), *_ = shape.sides
    return ConvolutionalEncoder(
        convolutions=_convolutions(kernel_key, (channels, *depths)),
        hidden=_dense(dense_key, (rows * columns * depths[-1], *shape.hidden)),
        heads=initial_heads(heads_key, shape.hidden[-1], shape.width, latent_size),
        item_shape=shape.image,
        path=initial_path(shape, shape.features, shape.width),
    )


def initial_decoder(
    key: Key[Array, ""], shape: NetworkShape, latent_size: Float[Array, ""]
) -> ConvolutionalDecoder:
    """A fresh decoder, padded to `shape.width`."""
    *_, channels = shape.image
    code_key, dense_key, kernel_key = jax.random.split(key, 3)
    depths, sides = shape.channels[::-1], shape.sides
    smallest = sides[0][0] * sides[0][1] * depths[0]
    first = initial_from_code(code_key, shape.width, shape.hidden[-1], latent_size)
    outputs = channels * shape.parameters_per_feature
    return ConvolutionalDecoder(
        hidden=(first, *_dense(dense_key, (*shape.hidden[::-1], smallest))),
        convolutions=_convolutions(kernel_key, (*depths, outputs)),
        sides=sides,
        parameters_per_feature=shape.parameters_per_feature,
        path=initial_path(shape, shape.width, shape.parameters_per_feature * shape.features),
    )


def takes(item_shape: tuple[int, ...]) -> bool:
    """Whether items are pictures: H x W or H x W x C, of 4 pixels a side at least."""
    return len(item_shape) in (2, 3) and min(item_shape[:2]) >= _SIDE


def _dense(key: Key[Array, ""], sizes: tuple[int, ...]) -> tuple[Linear, ...]:
    keys = jax.random.split(key, len(sizes) - 1)
    return tuple(
        initial_linear(each, *fans) for each, fans in zip(keys, pairwise(sizes), strict=True)
    )


def _convolutions(key: Key[Array, ""], channels: tuple[int, ...]) -> tuple[Convolution, ...]:
    keys = jax.random.split(key, len(channels) - 1)
    return tuple(_fresh(each, *fans) for each, fans in zip(keys, pairwise(channels), strict=True))


def _fresh(key: Key[Array, ""], fan_in: int, fan_out: int) -> Convolution:
    limit = jnp.sqrt(6.0 / (_SIDE**2 * (fan_in + fan_out)))
    drawn = jax.random.uniform(key, (_SIDE, _SIDE, fan_in, fan_out), minval=-1.0)
    return Convolution(limit * drawn, jnp.zeros(fan_out))
