"""How likely a network finds the data: tighter bounds than the ELBO, and the likelihood itself.

With S samples of q(z | x) and their importance weights

    w_s = p(x | z_s) p(z_s) / q(z_s | x),        L_S = E[log 1/S sum_s w_s],

L_1 is the ELBO, L_S never falls as S grows, and L_S tends to log p(x). It is still a bound, good as
far as the weights agree: their effective number

    (sum_s w_s)^2 / sum_s w_s^2        between 1 (one sample decides) and S

is given beside it, and so is how much the last four fifths of the samples still added. The weights
are taken a few hundred at a time with a running largest and two running sums, so that memory does
not grow with S.

Any proposal will do. That of a network is narrow, since its training forgives what it misses less
than what it adds, and for an example unlike the training's it may lie beside the true posterior:
then a few weights decide. So a *wide* proposal is a mixture, by turns 2 : 1 : 1 : 1, of q, of q 1.5
and 3 times as wide, and of the prior, and every sample is weighed against the whole mixture. And
where a network was trained on grey values, the code may be proposed from the grey example or from
its binary draw. A trial on some examples decides both.

Where the latent has one or two dimensions the integral over z can be summed on a grid,

    p(x) = int p(x | z) p(z) dz = h^K sum over the grid of p(x | z) p(z),

which converges fast once the step h is below the width of the posteriors; the kinks of ReLU units
leave an error of the order h^2. The step is halved until the mean log-likelihood no longer moves.

Only binary data has a probability under a Bernoulli. Grey values don't, and what they give is not
comparable to the literature: here networks are measured on one fixed binary draw of the test split.

References:
    Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, equation 8, theorem 1.
    Hesterberg (1995), Weighted average importance sampling and defensive mixture distributions.
    Kong (1992), A note on importance sampling using standardized weights (the effective number).
"""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Num

from latentsweep.model.family import Stream, stream
from latentsweep.model.gaussian import column_noise
from latentsweep.model.likelihoods import Bernoulli
from latentsweep.model.trained import Trained

AT_ONCE = 250  # samples
EARLY_SHARE = 5  # the bound of the first fifth of the samples is kept too
TRIED = 200
WIDTHS = 1.0, 1.5, 3.0  # of the wide proposal's parts, before the prior
_TURNS = 0, 0, 1, 2, 3
GRID_REACH = 6.0
GRID_FIRST = 128  # points a side, doubled until the mean moves by less than:
GRID_SETTLED = 0.02
GRID_LAST = 2048
_EXAMPLES_AT_ONCE = 4
_GRID_ROWS = 4096


class Bound(NamedTuple):
    """Importance-weighted bounds of examples [N], in nats.

    `early` is the bound of the first fifth of the samples, `effective` the effective number.
    """

    neg_log_likelihood: np.ndarray
    early: np.ndarray
    effective: np.ndarray


class Exact(NamedTuple):
    """-log p(x) of examples [N] in nats, summed on a grid of so many points a side.

    NaN where the finest grid is still too coarse.
    """

    neg_log_likelihood: np.ndarray
    points: int


class _Sums(eqx.Module):
    """Of the weights so far, divided by the largest: its logarithm, the sum, that of squares."""

    largest: Float[Array, "*N"]
    first: Float[Array, "*N"]
    second: Float[Array, "*N"]


def importance_weighted(
    trained: Trained,
    values: Num[np.ndarray, "N D"],
    proposed_from: Num[np.ndarray, "N D"],
    draws: int,
    *,
    wide: bool = False,
) -> Bound:
    """The bound L_S on each example's log-likelihood, negated, with S = `draws` samples.

    Args:
        values: the examples, as stored.
        proposed_from: what the encoder proposes their codes from: themselves, or grey versions.
        draws: rounded up to five equal parts, each of whole chunks of at most 250.
        wide: propose from the wide mixture instead of q alone.
    """
    chunk = min(AT_ONCE, -(-draws // EARLY_SHARE))
    early = -(-draws // (EARLY_SHARE * chunk))
    key = stream(trained.settings.seed, Stream.SAMPLING)
    late, first = jax.device_get(
        _weighed_all(trained, key, values, proposed_from, chunk, early, EARLY_SHARE * early, wide)
    )
    count = EARLY_SHARE * early * chunk
    return Bound(
        neg_log_likelihood=_neg_log_mean(late, count),
        early=_neg_log_mean(first, early * chunk),
        effective=late.first**2 / late.second,
    )


def better_proposal(
    trained: Trained, binary: Num[np.ndarray, "N D"], grey: Num[np.ndarray, "N D"]
) -> tuple[Num[np.ndarray, "N D"], bool]:
    """From which of two versions of the examples codes are better proposed, and whether widely."""

    def bound(choice: tuple[np.ndarray, bool]) -> float:
        source, wide = choice
        tried = importance_weighted(trained, binary[:TRIED], source[:TRIED], AT_ONCE, wide=wide)
        return round(float(tried.neg_log_likelihood.mean()), 2)  # of equals, the first

    sources = [binary] if grey is binary else [binary, grey]
    return min(((source, wide) for source in sources for wide in (False, True)), key=bound)


def quadrature(trained: Trained, values: Num[np.ndarray, "N D"]) -> Exact:
    """-log p(x) of examples under a Bernoulli network of one or two latent dimensions."""
    assert isinstance(trained.likelihood, Bernoulli)
    latent_size = int(trained.settings.latent_size)
    points, before, now = GRID_FIRST, np.inf, _on_grid(trained, values, latent_size, GRID_FIRST)
    while abs(np.mean(now) - before) >= GRID_SETTLED:
        if points >= GRID_LAST or not np.isfinite(now).all():
            return Exact(np.full(len(values), np.nan, np.float32), points)
        points, before = 2 * points, np.mean(now)
        now = _on_grid(trained, values, latent_size, points)
    return Exact(now, points)


@partial(jax.jit, static_argnames=("chunk", "early", "chunks", "wide"))
def _weighed_all(
    trained: Trained,
    key: Key[Array, ""],
    values: Num[Array, "N D"],
    proposed_from: Num[Array, "N D"],
    chunk: int,
    early: int,
    chunks: int,
    wide: bool,
) -> tuple[_Sums, _Sums]:
    """The sums of all samples and those of the first chunks, of each example."""

    def one(example: tuple[Int[Array, ""], Num[Array, " D"], Num[Array, " D"]]):
        index, value, source = example
        mean, log_scale = trained.encoded(trained.scaled(source))
        target = trained.likelihood.target(trained.scaled(value))
        log_sigma = trained.settings.objective.log_sigma(log_scale)
        own = jax.random.fold_in(key, index)

        def add(sums: _Sums, number: Int[Array, ""]) -> tuple[_Sums, None]:
            noise = column_noise(jax.random.fold_in(own, number), (chunk,), trained.width)
            if wide:
                weigh = partial(wide_log_weight, trained, target, mean, log_sigma)
                turns = (number * chunk + jnp.arange(chunk)) % len(_TURNS)
                return _added(sums, jax.vmap(weigh)(noise, jnp.array(_TURNS)[turns])), None
            weigh = partial(log_weight, trained, target, mean, log_sigma)
            return _added(sums, jax.vmap(weigh)(noise)), None

        nothing = _Sums(jnp.full((), -jnp.inf), jnp.zeros(()), jnp.zeros(()))
        first, _ = jax.lax.scan(add, nothing, jnp.arange(early))
        late, _ = jax.lax.scan(add, first, jnp.arange(early, chunks))
        return late, first

    examples = (jnp.arange(len(values)), values, proposed_from)
    return jax.lax.map(one, examples, batch_size=_EXAMPLES_AT_ONCE)


def log_weight(
    trained: Trained,
    target: Float[Array, " D"],
    mean: Float[Array, " K"],
    log_sigma: Float[Array, " K"],
    noise: Float[Array, " K"],
) -> Float[Array, ""]:
    """log w of the code mean + sigma noise: log p(x | z) + log p(z) - log q(z | x)."""
    z = mean + jnp.exp(log_sigma) * noise
    active = trained.settings.active(trained.width)
    log_ratio = jnp.sum(active * (0.5 * noise**2 - 0.5 * z**2 + log_sigma))
    return trained.likelihood.log_prob(target, trained.parameters(z), trained.shared) + log_ratio


def wide_log_weight(
    trained: Trained,
    target: Float[Array, " D"],
    mean: Float[Array, " K"],
    log_sigma: Float[Array, " K"],
    noise: Float[Array, " K"],
    part: Int[Array, ""],
) -> Float[Array, ""]:
    """log w of a code from one part of the wide mixture: log p(x, z) - log of the whole mixture.

    Args:
        part: which part the noise becomes a code of; the last is the prior.
    """
    widths = jnp.log(jnp.array(WIDTHS))[:, None]
    centres = jnp.concatenate([jnp.stack([mean] * len(WIDTHS)), jnp.zeros_like(mean)[None]])
    log_scales = jnp.concatenate([log_sigma[None] + widths, jnp.zeros_like(mean)[None]])
    z = centres[part] + jnp.exp(log_scales[part]) * noise
    active = trained.settings.active(trained.width)
    away = (z[None] - centres) / jnp.exp(log_scales)
    log_parts = (-0.5 * away**2 - log_scales) @ active
    shares = jnp.bincount(jnp.array(_TURNS), length=len(centres)) / len(_TURNS)
    log_ratio = -0.5 * jnp.sum(active * z**2) - jax.nn.logsumexp(log_parts + jnp.log(shares))
    return trained.likelihood.log_prob(target, trained.parameters(z), trained.shared) + log_ratio


def _added(sums: _Sums, log_weights: Float[Array, " S"]) -> _Sums:
    """The sums with more weights in them."""
    largest = jnp.maximum(sums.largest, jnp.max(log_weights))
    shrunk, weights = jnp.exp(sums.largest - largest), jnp.exp(log_weights - largest)
    return _Sums(
        largest=largest,
        first=sums.first * shrunk + jnp.sum(weights),
        second=sums.second * shrunk**2 + jnp.sum(weights**2),
    )


def _neg_log_mean(sums: _Sums, count: int) -> np.ndarray:
    return -(sums.largest + np.log(sums.first) - np.log(count)).astype(np.float32)


def _on_grid(
    trained: Trained, values: Num[np.ndarray, "N D"], latent_size: int, points: int
) -> Float[np.ndarray, " N"]:
    """-log p(x) of examples by the sum over a grid of so many points a side."""
    step = 2 * GRID_REACH / points
    ticks = (np.arange(points) + 0.5) * step - GRID_REACH
    codes = np.stack(np.meshgrid(*[ticks] * latent_size), axis=-1).reshape(-1, latent_size)
    rows = min(_GRID_ROWS, len(codes))
    padded = np.zeros((-(-len(codes) // rows) * rows, trained.width), np.float32)
    padded[: len(codes), :latent_size] = codes
    padded[len(codes) :, 0] = np.inf  # no weight: p(z) = 0
    return np.asarray(_summed(trained, values, padded.reshape(-1, rows, trained.width), step))


@jax.jit
def _summed(
    trained: Trained,
    values: Num[Array, "N D"],
    grid: Float[Array, "blocks rows K"],
    step: Float[Array, ""] | float,
) -> Float[Array, " N"]:
    x = trained.scaled(values)
    active = trained.settings.active(trained.width)

    def add(total: Float[Array, " N"], codes: Float[Array, "rows K"]):
        used = jnp.isfinite(codes).all(axis=1)
        z = jnp.where(used[:, None], codes, 0.0)
        logits = jax.vmap(trained.parameters)(z)[:, 0]
        log_prior = -0.5 * (z**2 + jnp.log(2 * jnp.pi)) @ active
        constant = log_prior - jnp.sum(jax.nn.softplus(logits), axis=1)
        with jax.default_matmul_precision("highest"):
            joint = x @ logits.T + jnp.where(used, constant, -jnp.inf)[None]
        return jnp.logaddexp(total, jax.nn.logsumexp(joint, axis=1)), None

    nothing = jnp.full(len(values), -jnp.inf)
    total, _ = jax.lax.scan(add, nothing, grid)
    return -(total + jnp.sum(active) * jnp.log(step))
