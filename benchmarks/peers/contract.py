"""The work that every peer does, and the three commands by which each is asked for something.

    python PEER.py time     --images IMAGES.npy --latents 2 4 8 16 32 --steps 400
    python PEER.py weights  --images IMAGES.npy --latents 16 --steps 1875 --out WEIGHTS.npz
    python PEER.py products

Each prints one line of JSON, its last. The work: a VAE 784-512-K-512-784 with ReLU, a mean and a
log-variance head, Bernoulli cross-entropy on grey pixels, the ELBO with one noisy code an image,
Adam, float32, batches of 32 in a fresh random order, Glorot-uniform kernels, biases zero.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

FEATURES = 784
HIDDEN = 512
BATCH = 32
LEARNING_RATE = 1e-3
BETAS = (0.9, 0.999)
EPSILON = 1e-7

FIRST_STEPS = 25
WARM_STEPS = 75
_PRODUCT_SIZES = (1024, 2048, 3072)
_PRODUCT_SECONDS = 0.5


class Training(Protocol):
    """A network and its optimiser."""

    def advance(self, steps: int) -> float:
        """Train so many steps; the seconds from the begin of the first to the end of the last."""

    def weights(self) -> dict[str, np.ndarray]:
        """Kernels [fan_in, fan_out] and biases, by the names that `loss.py` gives them."""


@dataclass(frozen=True)
class Peer:
    """One way to do the work.

    Args:
        training: the images [N, 784], float32 in [0, 1], and a latent size; compiles nothing that
            a first step would not compile.
        product: takes two square float32 matrices; gives a function that multiplies them once.
        packages: whose versions matter.
    """

    training: Callable[[np.ndarray, int], Training]
    product: Callable[[np.ndarray, np.ndarray], Callable[[], Any]]
    packages: tuple[str, ...]


def arguments() -> argparse.ArgumentParser:
    """The command line of a peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["time", "weights", "products"])
    parser.add_argument("--images", type=Path, help="uint8 [N, 784], as .npy")
    parser.add_argument("--latents", type=int, nargs="+")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--out", type=Path, help="where the weights go, as .npz")
    return parser


def main(peer: Peer) -> None:
    """Do what the command line asks."""
    asked = arguments().parse_args()
    if asked.command == "products":
        print_products(peer)
        return
    images = np.load(asked.images).astype(np.float32) / 255
    ready_at = time.time()
    if asked.command == "weights":
        training = peer.training(images, asked.latents[0])
        training.advance(asked.steps)
        np.savez(asked.out, **training.weights())
        return
    times = {latent: _timed(peer, images, latent, asked.steps) for latent in asked.latents}
    compile_seconds = sum(seconds for seconds, _ in times.values())
    print_times(peer, ready_at, compile_seconds, {k: ms for k, (_, ms) in times.items()})


def print_times(
    peer: Peer, ready_at: float, compile_seconds: float, milliseconds: dict[int, float]
) -> None:
    """Print what `time` measured.

    Args:
        ready_at: the wall clock when the libraries were imported and the data was read.
        compile_seconds: what building all networks and their first steps took.
        milliseconds: a step's, by latent size.
    """
    answer = {
        "ready_at": ready_at,
        "compile_seconds": compile_seconds,
        "milliseconds": milliseconds,
        "peak_mb": _peak_mb(),
        "versions": {package: version(package) for package in peer.packages},
    }
    print(json.dumps(answer))


def print_products(peer: Peer) -> None:
    """Print the FLOP a second of this peer's matrix products, and of NumPy's beside it."""
    rates = {"NumPy": product_rate(_numpy_product), peer.packages[0]: product_rate(peer.product)}
    print(json.dumps(rates))


def product_rate(product: Callable[[np.ndarray, np.ndarray], Callable[[], Any]]) -> float:
    """Float32 matrix products, in FLOP a second: the best of some sizes and repetitions."""
    generator = np.random.default_rng(0)
    return max(_rate(product, generator, size) for size in _PRODUCT_SIZES)


def batches(generator: np.random.Generator, examples: int, steps: int) -> np.ndarray:
    """Indices [steps, batch] of examples in a fresh random order."""
    return generator.permutation(examples)[: steps * BATCH].reshape(steps, BATCH)


def _timed(peer: Peer, images: np.ndarray, latent: int, steps: int) -> tuple[float, float]:
    """Seconds to build a network and take its first steps, and a later step's milliseconds."""
    started = time.perf_counter()
    training = peer.training(images, latent)
    training.advance(FIRST_STEPS)
    compile_seconds = time.perf_counter() - started
    training.advance(WARM_STEPS)
    return compile_seconds, 1000 * training.advance(steps) / steps


def _rate(product: Any, generator: np.random.Generator, size: int) -> float:
    left, right = generator.random((2, size, size), np.float32)
    multiply = product(left, right)
    multiply()
    seconds, begun = [], time.perf_counter()
    while time.perf_counter() - begun < _PRODUCT_SECONDS:
        started = time.perf_counter()
        multiply()
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds)


def _numpy_product(left: np.ndarray, right: np.ndarray) -> Callable[[], Any]:
    return lambda: left @ right


def _peak_mb() -> float:
    """The most memory that this process held at once, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux `getrusage` would count what the process was started from
        line = next(li for li in status.read_text().splitlines() if li.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
