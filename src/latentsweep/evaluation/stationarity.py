"""A check that costs next to nothing and holds for every network that is done training.

A latent dimension can be shifted or stretched without changing what is decoded: the encoder's heads
take any shift and factor on, and the decoder's first layer undoes them. So at a stationary point of
the loss the penalty alone decides both, and its derivatives along them vanish. For the penalty
1/2 E_x[m^2 + e^s - s - 1] and log(sigma) = slope s + offset they are, for each dimension,

    along a shift:      E_x[m]
    along a stretch:    E_x[m^2] + (E_x[e^s] - 1) / (2 slope)

over the training split. For `elbo` (slope 1/2, e^s = sigma^2) the second says that
E[m^2] + E[sigma^2] = 1: the codes fill the prior. For `keras-blog` (slope 1, e^s = sigma / 0.1) it
says that E[m^2] = (1 - E[sigma] / 0.1) / 2: they never have more than half the prior's variance. A
weight of the penalty changes neither.

An unfinished training, or a wrong sign, factor or sampler, leaves them far from 0.
"""

import numpy as np
from jaxtyping import Float

CARRIES = 0.1  # nats: dimensions that carry less have next to no gradient along these directions


def shift_and_stretch(
    codes: Float[np.ndarray, "N K"],
    code_scales: Float[np.ndarray, "N K"],
    slope: float,
    offset: float,
) -> Float[np.ndarray, "2 K"]:
    """The penalty's two derivatives of each latent dimension, 0 at a stationary point.

    Args:
        codes: posterior means of training examples.
        code_scales: their posterior standard deviations.
        slope: of log(sigma) = slope s + offset.
        offset: of the same.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        means = np.asarray(codes, np.float64)
        exponential = np.exp((np.log(code_scales, dtype=np.float64) - offset) / slope)
        stretch = (means**2).mean(axis=0) + (exponential.mean(axis=0) - 1) / (2 * slope)
        return np.stack([means.mean(axis=0), stretch])


def largest(
    derivatives: Float[np.ndarray, "2 K"], kl_per_dimension: Float[np.ndarray, " K"]
) -> tuple[float, float]:
    """The largest shift and stretch, without sign, over the dimensions that carry over 0.1 nat.

    0 where none does, not finite for a diverged network.
    """
    carrying = np.abs(derivatives[:, ~(kl_per_dimension <= CARRIES)])
    shift, stretch = carrying.max(axis=1, initial=0.0)
    return float(shift), float(stretch)
