"""A dense layer's weight after a step of Adam, without its gradient ever being in memory.

For a batch of inputs X [B, I] and of gradients at the layer's outputs Y [B, O], with G = X^T Y,

    M <- beta1 M + (1 - beta1) G
    V <- beta2 V + (1 - beta2) G^2
    W <- W - rate M / (sqrt(V) + epsilon)

XLA makes a product and four more kernels of it, which pass over the gradient three times and over
the moments twice; at 32 examples a batch that traffic costs as much as the arithmetic. Here it is
one kernel, written in machine code when it is first needed, for Linux on an x86-64 processor with
AVX2 at least, where it was measured.

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

from latentsweep.training.cpu_kernel.factored import Factors
from latentsweep.training.placement import cores

try:
    from latentsweep.training.cpu_kernel import handler
except ImportError:  # LLVM is not there for every system
    handler = None

_WEIGHTS_A_HELPER = 2**16  # about 0.06 ms of work: less is not worth waking a thread

Weights = Float[Array, "fan_in fan_out"]
Triple = tuple[Weights, Weights, Weights]


def dense_adam(
    gradient: Factors, numbers: Float[Array, " six"], state: Triple, threads: int | None = None
) -> Triple:
    """A weight, its mean gradient and its mean squared gradient after a step, in place.

    Args:
        gradient: the factors [B, I] and [B, O] of the weight's gradient.
        numbers: rate, beta1, 1 - beta1, beta2, 1 - beta2, epsilon.
        state: weight, mean gradient, mean squared gradient.
        threads: that work on it at most, if not a device's share of the cores; they change no bit.
    """
    devices = max(jax.sharding.get_abstract_mesh().size, 1)  # it is 0 outside of a family's
    most = threads or max(cores() // devices, 1)
    shape = jax.ShapeDtypeStruct(state[0].shape, state[0].dtype)
    call = jax.ffi.ffi_call(_registered()[0], [shape] * 3, input_output_aliases={5: 0, 6: 1, 7: 2})
    helpers = jnp.int32(min(most - 1, state[0].size // _WEIGHTS_A_HELPER))
    weight, mean, square = call(
        gradient.inputs, gradient.outputs, numbers, gradient.read, helpers, *state
    )
    return weight, mean, square


@cache
def exists() -> bool:
    """Whether there is a kernel for this machine."""
    here = sys.platform == "linux" and platform.machine() == "x86_64"
    return here and handler is not None and handler.tile_here() is not None


@cache
def _registered() -> tuple[str, object]:
    """The name by which XLA knows the kernel, compiled once a process, and what must live on."""
    assert handler
    tile = handler.tile_here()
    assert tile
    address, alive = handler.compiled(tile)
    entry = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(address)
    jax.ffi.register_ffi_target(handler.HANDLER, jax.ffi.pycapsule(entry), platform="cpu")
    return handler.HANDLER, alive
