"""What the benchmark compares peers by: one loss for all, and kernels counted from a program."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latentsweep.model.likelihoods import Bernoulli
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import forward, initial_vae

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])


def test_the_loss_of_all_peers_is_the_products_own():
    from loss import negative_elbo

    vae = initial_vae(jax.random.key(0), NetworkShape((7,), 1, (5,), 3), jnp.float32(3))
    x = 0.3 * np.random.default_rng(1).random((20, 7), np.float32)  # log-variances in bounds
    noise = jnp.asarray(np.random.default_rng(0).standard_normal((20, 3), np.float32))
    weights = {
        "encoder_kernel": vae.encoder.hidden.weight,
        "mean_kernel": vae.encoder.heads.weight[:, 0],
        "log_var_kernel": vae.encoder.heads.weight[:, 1],
        "decoder_kernel": vae.decoder.hidden.weight,
        "output_kernel": vae.decoder.output.weight,
    }
    biases = {
        name.replace("kernel", "bias"): np.zeros(w.shape[1], np.float32)
        for name, w in weights.items()
    }
    elbo = OBJECTIVES["elbo"]
    passed = jax.vmap(lambda x, e: forward(vae, x, e, jnp.ones(3), elbo))(jnp.asarray(x), noise)
    log_prob = jax.vmap(lambda x, p: Bernoulli().log_prob(x, p, jnp.zeros(())))
    expected = jnp.mean(passed.penalty - log_prob(jnp.asarray(x), passed.parameters))
    named = {name: np.asarray(w) for name, w in (weights | biases).items()}
    assert negative_elbo(named, x) == pytest.approx(float(expected), rel=1e-5)


def test_kernels_are_counted_in_the_loop_over_the_steps():
    from kernels import step_kernels

    def step(carry, row):
        return jnp.tanh(carry @ row), jnp.sum(carry)

    def many(carry, rows):
        return jax.lax.scan(step, carry, rows)

    program = jax.jit(many).lower(jnp.ones((4, 4)), jnp.ones((17, 4, 4))).compile().as_text()
    counted = step_kernels(program, 17)
    assert 2 <= counted.total() <= 12
    assert any("dot" in kind or "Custom" in kind for kind in counted)


def test_results_are_medians_with_their_least_and_most():
    import tables

    assert (
        tables.table(["", "ms"], [["ours", "1.0"]]) == "|  | ms |\n| --- | ---: |\n| ours | 1.0 |\n"
    )
    assert tables._spanned([3.0, 1.0, 2.0], " ms") == "2.00 ms (1.00-3.00)"
