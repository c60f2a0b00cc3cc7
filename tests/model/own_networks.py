"""Pairs as users write them."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp


class Encoder(eqx.Module):
    """Two heads on a layer of tanh units."""

    body: eqx.nn.MLP
    mean: eqx.nn.Linear
    log_var: eqx.nn.Linear

    def __call__(self, x):
        hidden = self.body(x.ravel())
        return self.mean(hidden), self.log_var(hidden)


class Pair(eqx.Module):
    """What a user writes."""

    encoder: Encoder
    decoder: eqx.nn.MLP

    def __init__(self, item_shape, latent_size, parameters_per_feature, *, key):
        features = math.prod(item_shape)
        one, two, three, four = jax.random.split(key, 4)
        self.encoder = Encoder(
            eqx.nn.MLP(features, 6, 6, 1, jnp.tanh, jnp.tanh, key=one),
            eqx.nn.Linear(6, latent_size, key=two),
            eqx.nn.Linear(6, latent_size, key=three),
        )
        outputs = parameters_per_feature * features
        # Made anew at each call, as the function of a lambda is; nothing may be compiled twice.
        self.decoder = eqx.nn.MLP(latent_size, outputs, 6, 1, lambda x: jnp.tanh(x), key=four)
