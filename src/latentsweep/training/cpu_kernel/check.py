"""Whether the kernel is to be trusted on this machine: a step of it against NumPy.

It is machine code that XLA calls by records of its own, so that what is wrong with it may end the
process. Therefore it is tried in a process of its own, once for a machine and its versions; what
came of that lies beside the compiled programs, in the user's cache.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from latentsweep.record import atomic
from latentsweep.training.cpu_kernel.dense_adam import dense_adam, exists
from latentsweep.training.cpu_kernel.factored import Factors
from latentsweep.training.program_cache import default_folder

_SECONDS = 60.0  # starting takes two
_BATCH, _FAN_IN, _FAN_OUT = 33, 261, 517  # no multiple of a tile, and enough for two helpers


def wanted() -> bool:
    """Whether there is a kernel for this machine and for its numbers.

    It takes float32: where JAX's numbers are float64 (JAX_ENABLE_X64), XLA's kernels do the work.
    """
    return exists() and jnp.result_type(float) == jnp.float32


@cache
def failure() -> str:
    """What is wrong with the kernel of this machine: nothing, or some words."""
    kept = verdict_file()
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(kept.read_text("utf-8"))["failure"])
    found = tried()
    with suppress(OSError):  # without a cache it is tried again next time
        atomic.write_json(kept, {"failure": found})
    return found


def verdict_file() -> Path:
    """Where it is kept what came of the check, for this machine and these versions."""
    versions = map(version, ("latentsweep", "jaxlib", "llvmlite"))
    return default_folder() / f"kernel-{'-'.join(versions)}.json"


def tried(seconds: float = _SECONDS) -> str:
    """What goes wrong with a step in a process of its own: nothing, or some words."""
    command = [sys.executable, "-W", "ignore", "-m", __name__]
    own = {"JAX_ENABLE_X64": "0", "JAX_PLATFORMS": "cpu", "JAX_TRACEBACK_FILTERING": "off"}
    own |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(
            command, env=os.environ | own, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it took over {seconds:g} seconds"
    except OSError as error:
        return f"it could not be tried, {error}"
    if done.returncode < 0:
        return f"it crashed, signal {-done.returncode}"
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return " ".join(last)[:200] or "it ended early" if done.returncode else ""


def difference() -> float:
    """The largest difference between the kernel's numbers and those of NumPy in float64."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((_BATCH, n), np.float32) for n in (_FAN_IN, _FAN_OUT))
    weight, mean = rng.standard_normal((2, _FAN_IN, _FAN_OUT), np.float32)
    square = rng.random((_FAN_IN, _FAN_OUT), np.float32)
    numbers = np.array([0.01, 0.9, 0.1, 0.999, 0.001, 1e-7], np.float32)
    factors = Factors(jnp.asarray(x), jnp.asarray(y), jnp.zeros(_BATCH))
    got = jax.jit(dense_adam)(factors, numbers, (weight, mean, square))
    gradient = x.astype(float).T @ y
    rate, beta1, rest1, beta2, rest2, epsilon = numbers.astype(float)
    mean = beta1 * mean + rest1 * gradient
    square = beta2 * square + rest2 * gradient**2
    right = weight - rate * mean / (np.sqrt(square) + epsilon), mean, square
    differences = (np.abs(a - b) / (1 + np.abs(b)) for a, b in zip(got, right, strict=True))
    return float(np.max([np.max(each) for each in differences]))  # NaN if any is


if __name__ == "__main__" and not (_found := difference()) <= 1e-4:
    sys.exit(f"its numbers are wrong by {_found:.2g}")
