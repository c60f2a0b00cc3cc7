"""From codes to data of as many dimensions: pictures of blobs, and random curved manifolds.

A smooth map of D numbers into more than 2 D features is one to one, special cases aside (Whitney),
and D is the dimension of what comes out if it flattens no direction: if the smallest singular value
of its Jacobian, s_min, is not small against the largest, s_max.

**Blobs.** The first blob is an ellipse, the second a disc beside it. With rho the distance from the
ellipse's centre in units of its axes (1 on the rim), a pixel's signed distance to the rim is, to
first order, d = (1 - rho) / |grad rho|, and its brightness

    intensity / (1 + exp(-d / edge)),    edge = 0.3 pixels: dark to bright within 1.3 pixels.

Two blobs screen each other, 1 - (1 - first) (1 - second), so that one is seen through the other.

- Each factor moves some rim or changes the brightness, and no two of them in the same way: the
  scale keeps the ratio of the axes, the aspect keeps the area.
- The aspect stays above 1.3, since a disc has no rotation to be seen, and the rotation within a
  quarter turn. An ellipse turned by half a turn is itself again: over that range the pictures run
  in a circle, one dimension for which an encoder needs two latents, or one with a cut. `TURNING` is
  this trap.
- The ranges are such that each factor matters: not to know one, with all others known, costs at
  least 3 % of the cross-entropy that all of them save, at 16 pixels and at 28.

**Manifolds.** W3 tanh(W2 tanh(W1 z + b1) + b2) of a standard normal z is drawn until s_min / s_max
> 0.05 at 99 % of points (`identifiability`). Where it gives the logits of binary pixels, with W3
10 times as large, the pixels must tell of every direction, too: the Fisher information about z in
its least certain direction, averaged over points, is above the prior's, which is 1
(`least_information`). Weights are orthogonal, which keeps directions alike, with gains of 1 to
1.25: a network of 512 units, fitted to 16,000 pairs of 16-dimensional z and features, is left with
an error of 5 times the variance of a noise of 0.05 at a gain of 1, of 13 times at 1.25 and of 23
times at 1.5, for which more latents could be of use.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from scipy.special import expit

EDGE = 0.3
DISC_RADIUS = 0.08
GAINS = 1.0, 1.25
LOGIT_GAIN = 10.0
LEAST_RATIO = 0.05
LEAST_INFORMATION = 1.0
_HIDDEN = 128
_BIAS = 0.3
_CHECKED_POINTS = 1_000
_MOST_DRAWS = 100
_CHUNK = 256
_CENTRE = 1e-6  # at a blob's centre the distance to the rim has no one direction


@dataclass(frozen=True)
class Factor:
    """A way in which pictures vary, evenly between its ends; lengths are in sides of a picture."""

    name: str
    low: float
    high: float
    still: float | None = None

    @property
    def middle(self) -> float:
        """Where it stays in pictures that do not vary in it: in the middle, or as `still` says."""
        return (self.low + self.high) / 2 if self.still is None else self.still


# Positions are those of a blob's centre, to the right of and below the picture's; the scale is the
# geometric mean of the two radii, the aspect their ratio; a rotation of 0 lies along the x-axis.
FACTORS = (
    Factor("x", -0.1, 0.1),
    Factor("y", -0.14, 0.03),
    Factor("scale", 0.1, 0.19),
    Factor("aspect", 1.3, 3.7),
    Factor("intensity", 0.42, 1.0, still=1.0),
    Factor("rotation", 0.0, math.pi / 2),
    Factor("second x", -0.32, 0.32),
    Factor("second y", 0.18, 0.38),
)
TURNING = (FACTORS[0], FACTORS[1], Factor("rotation", 0.0, math.pi))
_FIRST = 6  # the first blob's factors


def placed(
    uniform: Float[np.ndarray, "N varying"], varying: Sequence[Factor]
) -> Float[np.ndarray, "N factors"]:
    """The factors of N pictures: 6 for one blob, 8 for two.

    Those that vary lie between their ends as `uniform` does in [0, 1], the others in the middle.
    The second blob is there if more factors vary than the first has.
    """
    shown = FACTORS if len(varying) > _FIRST else FACTORS[:_FIRST]
    columns = {
        factor.name: factor.low + (factor.high - factor.low) * column
        for factor, column in zip(varying, uniform.T, strict=True)
    }
    still = np.ones(len(uniform), uniform.dtype)
    return np.stack([columns.get(f.name, f.middle * still) for f in shown], axis=1)


def images(
    factors: Float[np.ndarray, "N factors"], side: int
) -> UInt8[np.ndarray, "N side side 1"]:
    """The pictures as they are stored: brightness 0 to 255, side x side x 1."""
    stored = np.empty((len(factors), side, side, 1), np.uint8)
    single = factors.astype(np.float32)
    for start in range(0, len(stored), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        stored[chunk, ..., 0] = np.rint(255 * brightness(single[chunk], side))
    return stored


def brightness(
    factors: Float[np.ndarray, "N factors"], side: int
) -> Float[np.ndarray, "N side side"]:
    """The pictures before rounding, from 0 to 1, in the type of their factors."""
    x, y, scale, aspect, intensity, rotation = factors[:, :_FIRST].T[..., None, None]
    right, down = _offsets(x, y, side)
    along = np.cos(rotation) * right + np.sin(rotation) * down
    across = np.cos(rotation) * down - np.sin(rotation) * right
    axes = scale * np.sqrt(aspect), scale / np.sqrt(aspect)
    first = intensity * _coverage((along, across), axes, side)
    if factors.shape[1] == _FIRST:
        return first
    second_x, second_y = factors[:, _FIRST:].T[..., None, None]
    radius = np.full_like(x, DISC_RADIUS)
    second = _coverage(_offsets(second_x, second_y, side), (radius, radius), side)
    return 1 - (1 - first) * (1 - second)


def _offsets(x: np.ndarray, y: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """How far each pixel lies to the right of and below a point, in sides of the picture."""
    pixels = ((np.arange(side) + 0.5) / side - 0.5).astype(x.dtype)
    return pixels - x, pixels[:, None] - y


def _coverage(
    offsets: tuple[np.ndarray, np.ndarray], axes: tuple[np.ndarray, np.ndarray], side: int
) -> Float[np.ndarray, "N side side"]:
    """How much of each pixel an ellipse covers, given the offsets along its two radii."""
    along, across = ((offset / axis) ** 2 for offset, axis in zip(offsets, axes, strict=True))
    squared = along + across
    steepness = along / axes[0] ** 2 + across / axes[1] ** 2 + _CENTRE / (axes[0] * axes[1])
    distance = (1 - np.sqrt(squared)) * np.sqrt((squared + _CENTRE) / steepness)
    return expit(distance * (side / EDGE))


@dataclass(frozen=True, eq=False)
class Decoder:
    """W3 tanh(W2 tanh(W1 z + b1) + b2): the features, or the logits of pixels, of a code z."""

    weights: tuple[np.ndarray, np.ndarray, np.ndarray]
    biases: tuple[np.ndarray, np.ndarray]

    def __call__(self, codes: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N D"]:
        """The features of each code."""
        return self._hidden(codes)[1] @ self.weights[2].T

    def jacobian(self, codes: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N D K"]:
        """Derivatives of the features by the code: W3 (1 - h2^2) W2 (1 - h1^2) W1."""
        entering, between, leaving = self.weights
        first, second = (1 - hidden[:, None] ** 2 for hidden in self._hidden(codes))
        rising = second * np.tensordot(first * entering.T, between, (2, 1))
        return np.tensordot(rising, leaving, (2, 1)).swapaxes(1, 2)

    def _hidden(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The activations h1 and h2."""
        first = np.tanh(codes @ self.weights[0].T + self.biases[0])
        return first, np.tanh(first @ self.weights[1].T + self.biases[1])


def identified(
    dimension: int, features: int, rng: np.random.Generator, *, binary: bool = False
) -> Decoder:
    """A decoder, drawn until none of its directions is flat or untold by binary pixels."""
    for _ in range(_MOST_DRAWS):
        drawn = _any_decoder(dimension, features, LOGIT_GAIN if binary else 1.0, rng)
        codes = rng.standard_normal((_CHECKED_POINTS, dimension))
        told = not binary or least_information(drawn, codes) > LEAST_INFORMATION
        if told and identifiability(drawn, codes) > LEAST_RATIO:
            return drawn
    raise AssertionError(f"no decoder of {dimension} dimensions can be told by {features} features")


def identifiability(decoder: Decoder, codes: Float[np.ndarray, "N K"]) -> float:
    """The s_min / s_max of the Jacobian J, 0 to 1, that is exceeded at 99 % of the codes.

    Their squares are the extreme eigenvalues of J^T J.
    """
    jacobian = decoder.jacobian(codes)
    squares = np.linalg.eigvalsh(jacobian.swapaxes(1, 2) @ jacobian)
    return math.sqrt(max(0.0, np.quantile(squares[:, 0] / squares[:, -1], 0.01)))


def least_information(decoder: Decoder, codes: Float[np.ndarray, "N K"]) -> float:
    """Fisher information of binary pixels about the least certain direction, mean over codes.

    The smallest eigenvalue of J^T diag(p (1 - p)) J, with J the Jacobian of the logits and p the
    probabilities of the pixels; a standard normal prior has 1.
    """
    chances, jacobian = expit(decoder(codes)), decoder.jacobian(codes)
    weighted = (chances * (1 - chances))[..., None] * jacobian
    return float(np.linalg.eigvalsh(jacobian.swapaxes(1, 2) @ weighted)[:, 0].mean())


def _any_decoder(
    dimension: int, features: int, steepness: float, rng: np.random.Generator
) -> Decoder:
    """Rows of its weights have a mean square length of 1, but for gain and steepness."""
    entering, between = (
        rng.uniform(*GAINS) * math.sqrt(_HIDDEN / fan_in) * orthonormal(rng, _HIDDEN, fan_in)
        for fan_in in (dimension, _HIDDEN)
    )
    reach = steepness * math.sqrt(max(1, features / _HIDDEN))
    leaving = reach * orthonormal(rng, features, _HIDDEN)
    first, second = _BIAS * rng.standard_normal((2, _HIDDEN))
    return Decoder((entering, between, leaving), (first, second))


def orthonormal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A random matrix of orthonormal columns, or rows if those are fewer."""
    if rows < columns:
        return orthonormal(rng, columns, rows).T
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
    return q * np.sign(np.diag(r))
