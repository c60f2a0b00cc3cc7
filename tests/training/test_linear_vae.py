"""A linear VAE, trained by the package's own steps, ends at probabilistic PCA.

Tipping & Bishop (1999): with eigenvalues l_1 >= ... >= l_D of the data's covariance and s2 the mean
of those that q dimensions leave out, the greatest log-likelihood of an example is

    -1/2 [ D log 2 pi + sum_{j <= q} log l_j + (D - q) log s2 + D ].
"""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import subspace_angles
from training_family import recipe, settings

from latentsweep.evaluation.bounds import measure
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.network import Decoder, Encoder
from latentsweep.model.shape import NetworkShape
from latentsweep.model.trained import Trained
from latentsweep.model.vae import VAE, initial_vae
from latentsweep.training.optimiser import Adam
from latentsweep.training.steps import train_step

EXAMPLES, FEATURES, LATENT, STEPS = 1000, 12, 3, 6000


class LinearEncoder(Encoder):
    def __call__(self, x):
        mean, log_scale = self.heads(self.hidden(x))
        return mean, log_scale


class LinearDecoder(Decoder):
    def __call__(self, z):
        return self.output(self.hidden(z)).reshape(self.parameters_per_feature, -1)


def linear(vae: VAE) -> VAE:
    decoder = LinearDecoder(vae.decoder.hidden, vae.decoder.output, 1)
    return VAE(LinearEncoder(vae.encoder.hidden, vae.encoder.heads), decoder)


@pytest.mark.dear
def test_a_trained_linear_vae_is_probabilistic_pca():
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(FEATURES, LATENT)))[0]
    data = rng.normal(size=(EXAMPLES, LATENT)) * [3.0, 2.0, 1.5] @ directions.T
    data = (data + 0.5 * rng.normal(size=data.shape) + 1).astype(np.float32)
    values, vectors = np.linalg.eigh(np.cov(data.T, bias=True))
    kept, rest = values[::-1][:LATENT], values[::-1][LATENT:]
    logs = np.log(kept).sum() + len(rest) * np.log(rest.mean())
    exact = -0.5 * (FEATURES * np.log(2 * np.pi) + logs + FEATURES)

    member = settings(LATENT)
    parts = dataclasses.replace(
        recipe(LATENT, "gaussian"), shape=NetworkShape((FEATURES,), 1, (16,), LATENT)
    )
    adam = Adam(lambda step: 5e-3 * jnp.minimum(1, 2 * (1 - step / STEPS)), 0.9, 0.999, 1e-8)
    parts = dataclasses.replace(parts, optimiser=adam)
    vae = linear(initial_vae(jax.random.key(0), parts.shape, jnp.float32(LATENT)))
    state = (vae, adam.initial(vae))

    @jax.jit
    def trained(state):
        def step(carry, each):
            key, rate = each
            noise = jax.random.normal(key, (EXAMPLES, LATENT))
            return train_step(carry, (jnp.asarray(data), noise), rate, member, parts)

        keys = jax.random.split(jax.random.key(1), STEPS)
        return jax.lax.scan(step, state, (keys, adam.rates(state[1], STEPS)))[0]

    vae, _ = trained(state)
    noise = jax.random.normal(jax.random.key(2), (EXAMPLES, 64, LATENT))
    likelihood = LIKELIHOODS["gaussian"]

    @jax.jit
    def neg_elbo(vae, shared):
        network = Trained(vae, member, likelihood, shared, parts.scale)
        got = jax.vmap(partial(measure, network))(jnp.asarray(data), noise)
        return jnp.mean(got.reconstruction) + jnp.mean(got.rate_per_dimension.sum(axis=-1))

    best = min(float(neg_elbo(vae, jnp.float32(v))) for v in rest.mean() * np.linspace(0.9, 1.1, 9))
    assert best + exact + 0.02 >= 0  # no bound is above the likelihood, but for its draws
    assert best + exact <= 0.05
    learned = np.asarray(vae.decoder.hidden.weight @ vae.decoder.output.weight)
    angles = np.degrees(subspace_angles(learned.T, vectors[:, ::-1][:, :LATENT]))
    assert angles.max() < 1
