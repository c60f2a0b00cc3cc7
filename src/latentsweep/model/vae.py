"""One variational autoencoder and one example: everything else is mapped over these functions.

    mean, s = encode(x),   z = active * (mean + sigma(s) * noise),   parameters = decoder(z)

The noise is an argument. `active` is 1 for the network's own latent dimensions and 0 for those that
pad it to its family's width: they never reach the decoder and never cost anything, so their
gradients are exactly zero.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from latentsweep.model import convolutional, network, user_network
from latentsweep.model import objective as objectives
from latentsweep.model.objective import Objective
from latentsweep.model.shape import NetworkShape


class VAE(eqx.Module):
    """The weights of one network: two modules, of one of the built-in kinds or a user's own.

    encoder(x [D]) -> mean [K], head [K];    encoder.width = K;    decoder(z [K]) -> [P, D]
    """

    encoder: Any
    decoder: Any


class Forward(eqx.Module):
    """What one pass through a network gives."""

    parameters: Float[Array, "*rows P D"]
    penalty: Float[Array, "*rows"]


_KINDS = {
    "dense": (network.initial_encoder, network.initial_decoder),
    "linear-decoder": (network.initial_encoder, network.initial_linear_decoder),
    "convolutional": (convolutional.initial_encoder, convolutional.initial_decoder),
}


def initial_vae(key: Key[Array, ""], shape: NetworkShape, latent_size: Float[Array, ""]) -> VAE:
    """A network with fresh weights, padded to `shape.width`; a user's own never is.

    Raises:
        StudyError: a user's own network cannot be made.
    """
    if shape.network not in _KINDS:
        return VAE(*user_network.initial_pair(key, shape))
    encoder_key, decoder_key = jax.random.split(key)
    initial_encoder, initial_decoder = _KINDS[shape.network]
    return VAE(
        initial_encoder(encoder_key, shape, latent_size),
        initial_decoder(decoder_key, shape, latent_size),
    )


def encode(
    vae: VAE, x: Float[Array, " D"], objective: Objective
) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
    """The mean and the log-scale s, bounded, of what the encoder sees of one example."""
    mean, head = vae.encoder(x)
    return mean, objective.bounded(head)


def sample_code(
    mean: Float[Array, " K"],
    log_scale: Float[Array, " K"],
    noise: Float[Array, " K"],
    objective: Objective,
) -> Float[Array, " K"]:
    """z = mean + sigma(s) * noise."""
    return mean + jnp.exp(objective.log_sigma(log_scale)) * noise


def forward(
    vae: VAE,
    x: Float[Array, " D"],
    noise: Float[Array, " K"],
    active: Float[Array, " K"],
    objective: Objective,
) -> Forward:
    """The decoded parameters of one noisy code of x, and the objective's penalty in nats."""
    mean, log_scale = encode(vae, x, objective)
    z = active * sample_code(mean, log_scale, noise, objective)
    penalty = objectives.penalty(mean, log_scale, active, objective.weight)
    return Forward(vae.decoder(z), penalty)
