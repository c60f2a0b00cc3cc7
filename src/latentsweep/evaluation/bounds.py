"""Bounds on a network's loss that need no network, and the terms of its own.

For one example x, with z drawn S times from the q(z | x) that the network really samples,

    reconstruction = mean over draws of -log p(x | z)
    rate           = KL(q(z | x) || N(0, I))
    -ELBO          = reconstruction + rate         an upper bound on -log p(x)
    loss           = reconstruction + penalty      the objective as trained

Two yardsticks come with the data: the model without a latent, which a VAE has to beat, and, for
grey pixels under a Bernoulli likelihood, their own entropy, below which no reconstruction can come:
grey cross-entropies are therefore not comparable to likelihoods of binarised images.

References:
    Kingma & Welling (2014), Auto-Encoding Variational Bayes, equation 7.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from latentsweep.model.gaussian import column_noise
from latentsweep.model.likelihoods import Likelihood
from latentsweep.model.objective import penalty, rate_per_dimension
from latentsweep.model.trained import Trained
from latentsweep.model.vae import sample_code


class Measured(eqx.Module):
    """What is measured on test examples; terms in nats per example."""

    loss: Float[Array, "*N"]
    reconstruction: Float[Array, "*N"]
    penalty: Float[Array, "*N"]
    reconstruction_of_mean: Float[Array, "*N"]
    mse_of_mean: Float[Array, "*N"]
    mse_of_sample: Float[Array, "*N"]
    rate_per_dimension: Float[Array, "*N K"]
    codes: Float[Array, "*N K"]
    code_scales: Float[Array, "*N K"]


def measure(trained: Trained, x: Float[Array, " D"], noise: Float[Array, "S K"]) -> Measured:
    """The terms of one scaled example, the noise of its S draws given."""
    objective, likelihood = trained.settings.objective, trained.likelihood
    mean, log_scale = trained.encoded(x)
    target = likelihood.target(x)

    def cost(z: Float[Array, " K"]) -> Float[Array, ""]:
        return -likelihood.log_prob(target, trained.parameters(z), trained.shared)

    draws = jax.vmap(lambda e: cost(sample_code(mean, log_scale, e, objective)))(noise)
    sample = sample_code(mean, log_scale, noise[0], objective)
    reconstruction = jnp.mean(draws)
    cost_of_code = penalty(mean, log_scale, jnp.ones_like(mean), objective.weight)
    return Measured(
        loss=objective.loss(reconstruction, cost_of_code),
        reconstruction=reconstruction,
        penalty=cost_of_code,
        reconstruction_of_mean=cost(mean),
        mse_of_mean=jnp.mean((trained.decoded(mean) - target) ** 2),
        mse_of_sample=jnp.mean((trained.decoded(sample) - target) ** 2),
        rate_per_dimension=rate_per_dimension(objective, mean, log_scale),
        codes=mean,
        code_scales=jnp.exp(objective.log_sigma(log_scale)),
    )


def ablated(
    trained: Trained,
    x: Float[Array, " D"],
    noise: Float[Array, "S K"],
    keep: Float[Array, " K"],
) -> Float[Array, ""]:
    """The reconstruction of one scaled example with some latent dimensions set to 0, in nats.

    Args:
        keep: 1 for the dimensions that stay, 0 for those that are set to the prior's mean.
    """
    mean, log_scale = trained.encoded(x)
    target = trained.likelihood.target(x)

    def cost(draw: Float[Array, " K"]) -> Float[Array, ""]:
        z = keep * sample_code(mean, log_scale, draw, trained.settings.objective)
        return -trained.likelihood.log_prob(target, trained.parameters(z), trained.shared)

    return jnp.mean(jax.vmap(cost)(noise))


def draw_noise(
    key: Key[Array, ""], example: Int[Array, ""], draws: int, width: int
) -> Float[Array, "S K"]:
    """The noise of one example's draws: the same for every network of a seed, column by column."""
    return column_noise(jax.random.fold_in(key, example), (draws,), width)


def entropy_floor(x: Float[Array, "N D"]) -> Float[Array, ""]:
    """Mean entropy of grey values as Bernoulli probabilities, in nats per example.

    H(x) = -sum_d [ x_d log x_d + (1 - x_d) log(1 - x_d) ]
    """
    pixels = jax.scipy.special.xlogy(x, x) + jax.scipy.special.xlog1py(1 - x, -x)
    return -jnp.mean(jnp.sum(pixels, axis=-1))


def no_latent(
    likelihood: Likelihood, train: Float[Array, "N D"], test: Float[Array, "N2 D"]
) -> Float[Array, " N2"]:
    """Negative log-likelihood of each held-out example without a latent code, in nats."""
    parameters, shared = likelihood.baseline(train)
    log_prob = jax.vmap(lambda x: likelihood.log_prob(likelihood.target(x), parameters, shared))
    return -log_prob(test)
