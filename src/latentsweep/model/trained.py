"""A trained network with what it takes to use it on data as stored.

Its weights may be padded: a zero row of the decoder makes a padded latent dimension harmless. Its
matrix products are in full float32, whatever it was trained with and on whatever device.
"""

import equinox as eqx
import jax
from jaxtyping import Array, Float, Num

from latentsweep.data.dataset import Scale
from latentsweep.model.family import Settings
from latentsweep.model.likelihoods import Likelihood
from latentsweep.model.precision import products_in
from latentsweep.model.vae import VAE, encode


class Trained(eqx.Module):
    """One network, its settings, likelihood and the scale of its data."""

    vae: VAE
    settings: Settings
    likelihood: Likelihood
    shared: Float[Array, ""]
    scale: Scale = eqx.field(static=True)

    @property
    def width(self) -> int:
        """K, padding included."""
        return self.vae.encoder.width

    def scaled(self, value: Num[Array, "*rows D"]) -> Float[Array, "*rows D"]:
        """Stored values in the unit that the likelihood speaks of."""
        return self.scale(value, jax.tree.leaves(self.vae)[0].dtype)

    def encoded(self, x: Float[Array, " D"]) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
        """The mean and the log-scale s of one scaled example."""
        with products_in("float32"):
            return encode(self.vae, self.likelihood.encoder_input(x), self.settings.objective)

    def parameters(self, z: Float[Array, " K"]) -> Float[Array, "P D"]:
        """The likelihood's parameters at a code."""
        with products_in("float32"):
            return self.vae.decoder(z)

    def decoded(self, z: Float[Array, " K"]) -> Float[Array, " D"]:
        """The expected scaled data at a code."""
        return self.likelihood.mean(self.parameters(z))
