"""latentsweep: the passes, programs and epochs of its own training stage, on the processor's cores.

All sizes train as one family, padded to the widest, so that there is one time for all of them.
Here `--steps` is the length of an epoch (1,875 is a real one), latents may repeat (their seeds then
differ), and the family may be spread over fewer CPU devices than the machine has cores. The
checkpoint that a run writes after each epoch is left out, as the peers write none.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from contract import BATCH, Peer, arguments, print_products, print_times

from latentsweep.data.dataset import Dataset, Scale
from latentsweep.data.splits import leading
from latentsweep.model import family
from latentsweep.record.folder import RunFolder
from latentsweep.study import load_study
from latentsweep.training.experiment import Experiment
from latentsweep.training.placement import over_members
from latentsweep.training.plan import Pass
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.train import Training, missing


class Family:
    """The members of a study and the compiled programs of its passes, as the product makes them."""

    def __init__(self, experiment: Experiment, folder: Path):
        run = RunFolder(folder)
        self.stage = Training(run, experiment, Observer())
        self.stage.prepare([task.name for task in missing(run, experiment)])
        self.passes, self.programs = list(self.stage.passes.values()), self.stage.programs

    @property
    def member_steps(self) -> int:
        """Steps of all members together in one epoch."""
        return sum(len(p.members) for p in self.passes) * self.passes[0].steps_per_epoch

    def warm(self) -> None:
        """Train one epoch of one pass of each size."""
        for plan in {len(p.members): p for p in self.passes}.values():
            self.trained(plan, 1)

    def epoch_seconds(self, epochs: int) -> float:
        """What an epoch of all passes takes, the mean of so many, without fresh weights."""
        return sum(self.trained(plan, epochs)[1] for plan in self.passes) / epochs

    def trained(self, plan: Pass, epochs: int) -> tuple[Any, float]:
        """The state of a pass after so many epochs, and the seconds that these took."""
        programs, settings = self.programs[plan.kind], self.stage.settings(plan)
        state = over_members(programs.fresh(settings), programs.mesh)
        started = time.perf_counter()
        for number in range(epochs):
            state, terms, _ = programs.epoch(state, settings, number)
            jax.device_get(terms)
        return state, time.perf_counter() - started


def experiment(images: np.ndarray, latents: list[int], steps: int) -> Experiment:
    """The study of these latent sizes on the images of so many steps."""
    study = load_study("mnist").changed(
        {
            "objectives": ("elbo",),
            "latent_sizes": tuple(dict.fromkeys(latents)),
            "seeds": tuple(range(len(latents) // len(set(latents)))),
        }
    )
    examples = steps * BATCH
    dataset = Dataset(
        name="images",
        source="the benchmark",
        values=np.concatenate([images[:examples], images[:1]]),  # one for the test split
        scale=Scale(0.0, 255.0),
        splits=leading(examples + 1, examples),
    )
    return Experiment(study, dataset)


def place(devices: int | None) -> None:
    """Have so many CPU devices, or the product's own number."""
    if devices is not None:
        jax.config.update("jax_num_cpu_devices", devices)
        jax.devices()  # from here on their number is fixed


def weights(state: Any, latent: int, own: Experiment) -> dict[str, np.ndarray]:
    """The first member's weights, by the names that `loss.py` gives them."""
    vae = family.unpadded(
        family.member(state.vae, 0), latent, own.shape(max(own.study.latent_sizes))
    )
    encoder, decoder = vae.encoder, vae.decoder
    named = {
        "encoder_kernel": encoder.hidden.weight,
        "encoder_bias": encoder.hidden.bias,
        "mean_kernel": encoder.heads.weight[:, 0],
        "mean_bias": encoder.heads.bias[0],
        "log_var_kernel": encoder.heads.weight[:, 1],
        "log_var_bias": encoder.heads.bias[1],
        "decoder_kernel": decoder.hidden.weight,
        "decoder_bias": decoder.hidden.bias,
        "output_kernel": decoder.output.weight,
        "output_bias": decoder.output.bias,
    }
    return {name: np.asarray(array) for name, array in named.items()}


def product(left: np.ndarray, right: np.ndarray) -> Callable[[], Any]:
    """Multiplies two matrices."""
    multiply = jax.jit(jax.numpy.matmul)
    left, right = jax.device_put((left, right))
    return lambda: multiply(left, right).block_until_ready()


PEER = Peer(None, product, ("jax", "latentsweep", "equinox", "optax", "numpy"))


def main() -> None:
    """Do what the command line asks."""
    parser = arguments()
    parser.add_argument("--devices", type=int, help="CPU devices; without it, as the product does")
    parser.add_argument("--epochs", type=int, default=1, help="timed, after one that is not")
    asked = parser.parse_args()
    if asked.command == "products":
        print_products(PEER)
        return
    _train(asked)


def _train(asked: argparse.Namespace) -> None:
    doing = experiment(np.load(asked.images), asked.latents, asked.steps)
    place(asked.devices)
    ready_at, started = time.time(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        members = Family(doing, Path(folder))
    compile_seconds = time.perf_counter() - started
    if asked.command == "weights":
        state, _ = members.trained(members.passes[0], 1)
        np.savez(asked.out, **weights(state, asked.latents[0], doing))
        return
    members.warm()
    milliseconds = 1000 * members.epoch_seconds(asked.epochs) / members.member_steps
    print_times(PEER, ready_at, compile_seconds, dict.fromkeys(asked.latents, milliseconds))


if __name__ == "__main__":
    main()
