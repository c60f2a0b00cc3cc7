"""A trained network applied to rows: mapped, compiled once, in blocks of one size."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Array

from latentsweep.evaluation.bounds import draw_noise, measure
from latentsweep.model.trained import Trained
from latentsweep.training.program_cache import kept_programs

DRAWS = 16
_ROWS_AT_ONCE = 512
_DRAWN_AT_ONCE = 64


@jax.jit
def codes(trained: Trained, scaled: Array) -> Array:
    """The posterior means of scaled examples."""

    return jax.vmap(lambda x: trained.encoded(x)[0])(scaled)


@jax.jit
def expected(trained: Trained, codes: Array) -> Array:
    """The expected scaled data at codes."""

    return jax.vmap(trained.decoded)(codes)


@jax.jit
def drawn(key: Array, trained: Trained, codes: Array, marks: Array) -> Array:
    """Scaled data drawn at codes, each by its own mark."""

    def draw(code: Array, mark: Array) -> Array:
        own = jax.random.fold_in(key, mark)
        return trained.likelihood.sample(own, trained.parameters(code), trained.shared)

    return jax.vmap(draw)(codes, marks)


@jax.jit
def elbo(key: Array, trained: Trained, scaled: Array, marks: Array) -> Array:
    """The ELBO of scaled examples in nats, each with the noise of its own mark."""

    def one(row: tuple[Array, Array]) -> Array:
        x, mark = row
        measured = measure(trained, x, draw_noise(key, mark, DRAWS, trained.width))
        return -measured.reconstruction - measured.rate_per_dimension.sum()

    return jax.lax.map(one, (scaled, marks), batch_size=_DRAWN_AT_ONCE)


def in_blocks(function: Callable[..., Array], trained: Trained, *arrays: np.ndarray) -> np.ndarray:
    """A mapped function of rows, in blocks of one size so that it compiles once."""
    done = []
    with kept_programs():
        for start in range(0, len(arrays[0]), _ROWS_AT_ONCE):
            blocks = [array[start : start + _ROWS_AT_ONCE] for array in arrays]
            rows = len(blocks[0])
            done.append(np.asarray(function(trained, *map(_full, blocks)))[:rows])
    return np.concatenate(done)


def _full(block: np.ndarray) -> np.ndarray:
    return np.pad(block, [(0, _ROWS_AT_ONCE - len(block)), *[(0, 0)] * (block.ndim - 1)])
