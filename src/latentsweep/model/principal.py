"""Probabilistic principal components: the linear model, its likelihood, and networks that begin so.

The linear Gaussian model of K dimensions with one variance, x = z W + mean + noise, has its maximum
of likelihood in closed form: with eigenvalues l_1 >= ... >= l_D of the training examples'
covariance, and v_k their eigenvectors,

    s2 = (l_{K+1} + ... + l_D) / (D - K),      W_k = v_k sqrt(l_k - s2),

and where s2 may not be below some least variance, that takes its place. Its posterior has a
diagonal covariance, the same for all x, with M_k = |W_k|^2 + s2:

    mean_k = (x - mean) W_k / M_k,      log sigma_k^2 = log(s2 / M_k),

so that a VAE with a linear path beside its layers represents it exactly, and its ELBO is the
likelihood. A network begins there with the last kernels of its layers at zero: training can only
lead away from it.

References:
    Tipping & Bishop (1999), Probabilistic Principal Component Analysis, section 3 and appendix A.
"""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA

from latentsweep.model.vae import VAE

_LEAST = 1e-10
_MOST_FEATURES = 2_048  # of which all components are taken
_MOST = 512  # components of more features


@dataclass(frozen=True, eq=False)
class Principal:
    """The components of training examples: `mean` [D], `axes` [D, K] and `variances` [K].

    `total` is the sum of all D variances, and `least` what the noise may not be below.
    """

    mean: Float[np.ndarray, " D"]
    axes: Float[np.ndarray, "D K"]
    variances: Float[np.ndarray, " K"]
    total: float
    least: float

    @property
    def most(self) -> int:
        """The greatest number of dimensions that it has a model of."""
        return len(self.variances)

    def noise(self, size: int) -> float:
        """s2, the variance of the noise in the model of so many dimensions.

        As many dimensions as features leave it open up to the least variance, which it is then.
        """
        size = min(size, len(self.mean) - 1)
        rest = max(self.total - float(self.variances[:size].sum()), 0.0)
        return max(rest / (len(self.mean) - size), self.least)

    def neg_log_prob(self, x: Float[np.ndarray, "N D"], size: int) -> Float[np.ndarray, " N"]:
        """-log p(x) of examples under the model of so many dimensions, in nats."""
        return self._of_squares(*self._squares(x), size)

    def curve(self, x: Float[np.ndarray, "N D"]) -> Float[np.ndarray, " sizes"]:
        """The mean of -log p(x) under the models of 0 dimensions, 1, 2 and so on, in nats."""
        whole, along = (squares.mean(axis=0, keepdims=True) for squares in self._squares(x))
        sizes = range(self.most + 1)
        return np.concatenate([self._of_squares(whole, along, size) for size in sizes])

    def _squares(
        self, x: Float[np.ndarray, "N D"]
    ) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, "N K"]]:
        """Squared distances of examples from the mean, whole and along each axis."""
        away = np.asarray(x, np.float64) - self.mean
        return np.square(away).sum(axis=1), np.square(away @ self.axes)

    def _of_squares(
        self, whole: Float[np.ndarray, " N"], along: Float[np.ndarray, "N K"], size: int
    ) -> Float[np.ndarray, " N"]:
        """-log p, which is linear in the squares: its mean is that of mean squares."""
        own, noise, features = along[:, :size], self.noise(size), len(self.mean)
        spread = np.maximum(self.variances[:size], noise)
        squares = (whole - own.sum(axis=1)) / noise + (own / spread).sum(axis=1)
        logs = np.log(spread).sum() + (features - len(spread)) * np.log(noise)
        return 0.5 * (squares + logs + features * np.log(2 * np.pi))

    def begun(self, vae: VAE, size: int) -> VAE:
        """A fresh network with a linear path, padded or not, as the model of so many dimensions."""
        own, noise = slice(min(size, self.most)), self.noise(size)
        scales = np.sqrt(np.maximum(self.variances[own] - noise, 0.0))
        spread = np.square(scales) + noise
        encoder, decoder = vae.encoder, vae.decoder
        inward, outward, log_scale = (
            np.zeros(each.shape)
            for each in (encoder.path.weight, decoder.path.weight, encoder.heads.bias)
        )
        outward[own] = (self.axes[:, own] * scales).T
        inward[:, own] = outward[own].T / spread
        log_scale[1, own] = np.log(noise / spread)
        new = {
            "heads": (np.zeros(encoder.heads.weight.shape), log_scale),
            "last": (np.zeros(_last_kernel(vae).shape),),
            "paths": (inward, -self.mean @ inward, outward, self.mean),
        }
        return eqx.tree_at(
            lambda vae: [*_layer(vae.encoder.heads), _last_kernel(vae), *_paths(vae)],
            vae,
            [each.astype(_last_kernel(vae).dtype) for part in new.values() for each in part],
        )


def _layer(layer: Any) -> tuple[Any, Any]:
    return layer.weight, layer.bias


def _paths(vae: VAE) -> tuple[Any, ...]:
    return *_layer(vae.encoder.path), *_layer(vae.decoder.path)


def _last_kernel(vae: VAE) -> Any:
    """The weights of the last of the decoder's layers."""
    decoder = vae.decoder
    last = decoder.convolutions[-1] if hasattr(decoder, "convolutions") else decoder.output
    return last.kernel if hasattr(last, "kernel") else last.weight


def principal(x: Float[np.ndarray, "N D"], least: float = 0.0) -> Principal:
    """The components of scaled training examples; each axis points to its largest entry.

    Args:
        least: what the variance of the noise may not be below.
    """
    x = np.asarray(x, np.float64)
    mean = x.mean(axis=0)
    away, count = x - mean, min(x.shape)
    total = float(np.square(away).mean(axis=0).sum())
    if x.shape[1] > _MOST_FEATURES:
        count = min(count, _MOST)
    found = PCA(count, svd_solver="auto", random_state=0).fit(away)
    axes = np.asarray(found.components_).T
    variances = found.explained_variance_ * (len(x) - 1) / len(x)
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(count)]
    return Principal(mean, axes * np.sign(largest), variances, total, max(least, _LEAST))
