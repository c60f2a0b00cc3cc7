"""A dense layer's weight after a step of Adam, without its gradient ever being in memory.

For a batch of inputs X [B, I] and of gradients at the layer's outputs Y [B, O], with G = X^T Y,

    M <- beta1 M + (1 - beta1) G
    V <- beta2 V + (1 - beta2) G^2
    W <- W - rate M / (sqrt(V) + epsilon)

XLA makes a product and four more kernels of it, which pass over the gradient three times and over
the moments twice; at 32 examples a batch that traffic costs as much as the arithmetic. Here it is
one kernel, written in machine code when it is first needed. Where there is none (another system or
processor than those on which it was measured) XLA's kernels do the same.

References:
    Kingma & Ba (2015), Adam: A Method for Stochastic Optimization, section 2, last paragraph.
"""

import ctypes
import platform
import sys
from functools import cache

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from latentsweep.training.factored import Factors

try:
    from latentsweep.training.kernel import handler
except ImportError:  # LLVM is not there for every system
    handler = None

_WEIGHTS_A_HELPER = 2**16  # about 0.06 ms of work: less is not worth waking a thread

Weights = Float[Array, "fan_in fan_out"]
Triple = tuple[Weights, Weights, Weights]


def dense_adam(
    gradient: Factors, numbers: Float[Array, " six"], state: Triple, threads: int
) -> Triple:
    """A weight, its mean gradient and its mean squared gradient after a step, in place.

    Args:
        gradient: the factors [B, I] and [B, O] of the weight's gradient.
        numbers: rate, beta1, 1 - beta1, beta2, 1 - beta2, epsilon.
        state: weight, mean gradient, mean squared gradient.
        threads: that work on it at most; they change no bit.
    """
    name = _registered()
    shape = jax.ShapeDtypeStruct(state[0].shape, state[0].dtype)
    call = jax.ffi.ffi_call(name, [shape] * 3, input_output_aliases={5: 0, 6: 1, 7: 2})
    helpers = jnp.int32(min(threads - 1, state[0].size // _WEIGHTS_A_HELPER))
    weight, mean, square = call(
        gradient.inputs, gradient.outputs, numbers, gradient.read, helpers, *state
    )
    return weight, mean, square


def supported() -> bool:
    """Whether the kernel is to be had here: on Linux, on an x86-64 processor with AVX2 at least.

    It takes float32: where JAX's numbers are float64 (JAX_ENABLE_X64), XLA's kernels do the work.
    """
    return _there() and jnp.result_type(float) == jnp.float32


@cache
def _there() -> bool:
    here = sys.platform == "linux" and platform.machine() == "x86_64"
    return here and handler is not None and handler.tile_here() is not None


@cache
def _registered() -> str:
    """The name by which XLA knows the kernel; it is compiled once a process."""
    tile = handler.tile_here() if handler else None
    assert handler
    assert tile
    address, alive = handler.compiled(tile)
    entry = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(address)
    jax.ffi.register_ffi_target(handler.HANDLER, jax.ffi.pycapsule(entry), platform="cpu")
    _ALIVE.append(alive)
    return handler.HANDLER


_ALIVE: list[object] = []
