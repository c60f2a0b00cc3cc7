"""Pairs that do not fit, as users may write them."""

import equinox as eqx
import jax.numpy as jnp


class Constant(eqx.Module):
    """Gives an array of one size."""

    value: jnp.ndarray

    def __call__(self, _):
        return self.value


class Heads(Constant):
    """Gives both heads."""

    def __call__(self, _):
        return self.value, self.value


class Raising(Constant):
    """Fails when it is called."""

    def __call__(self, _):
        raise RuntimeError("no good")


class NoDecoder(eqx.Module):
    encoder: eqx.Module

    def __init__(self, item_shape, latent_size, parameters_per_feature, *, key):
        del item_shape, parameters_per_feature, key
        self.encoder = Heads(jnp.zeros(latent_size))


class OneHead(NoDecoder):
    decoder: eqx.Module

    def __init__(self, item_shape, latent_size, parameters_per_feature, *, key):
        del item_shape, parameters_per_feature, key
        self.encoder = self.decoder = Constant(jnp.zeros(latent_size))


class Short(OneHead):
    def __init__(self, item_shape, latent_size, parameters_per_feature, *, key):
        del item_shape, parameters_per_feature, key
        self.encoder, self.decoder = Heads(jnp.zeros(latent_size)), Constant(jnp.zeros(7))


class Broken(OneHead):
    def __init__(self, item_shape, latent_size, parameters_per_feature, *, key):
        del item_shape, parameters_per_feature, key
        self.encoder, self.decoder = Heads(jnp.zeros(latent_size)), Raising(jnp.zeros(7))
