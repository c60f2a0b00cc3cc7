"""Times latentsweep's training engine against its peers, in turn, and writes `results.md`.

    python benchmarks/bench.py [--only pytorch]

is run by the interpreter that latentsweep is installed in; the peers get environments of their own.
Each measurement is a process of its own. A round asks every peer once, and there are several
rounds, so that a machine that slows down does so for all. A peer must first show that it learns
the same: -ELBO after one real epoch, computed from its weights by one function for all.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import environments
import numpy as np
import tables
from loss import negative_elbo

from latentsweep.data.sources import mnist
from latentsweep.training.placement import cores

LATENTS = (2, 4, 8, 16, 32)
ROUNDS = 3
STEPS = 250  # timed a size and round; ours is timed for a whole epoch
EPOCH = 1875
TRIAL_STEPS = 150
CHECKED_LATENT = 16
CHECKED_IMAGES = 10_000
TOLERANCE = 2.0  # nats around the median of all peers
SCALES = (1, 5, 15, 60)
SCALE_WIDTH = 32
SCALE_STEPS = 100
SCALE_MODEL_STEPS = 1500  # at least so many are timed
MINUTES = 15
SECONDS_A_PROCESS = 900

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Peer:
    """A competitor: its program, its environment (None: this one) and the steps it is timed for."""

    name: str
    title: str
    file: str
    environment: str | None
    steps: int = STEPS


OURS = Peer("latentsweep", "latentsweep", "ours.py", None, steps=EPOCH)
PEERS = (
    Peer("keras-defaults", "Keras on TensorFlow, as it comes", "keras_defaults.py", "keras"),
    Peer("keras", "Keras on TensorFlow, 25 steps a call", "keras_tensorflow.py", "keras"),
    Peer("pythae", "pythae, `TrainingPipeline`", "pythae_pipeline.py", "pythae"),
    Peer("pytorch-compile", "PyTorch, `torch.compile`", "pytorch_compile.py", "pytorch"),
    Peer("pytorch", "PyTorch, eager, fused Adam", "pytorch_eager.py", "pytorch"),
)


@dataclass
class Record:
    """What is known of a peer so far."""

    peer: Peer
    threads: dict[str, str] = field(default_factory=dict)
    loss: float | None = None
    failure: str = ""
    rounds: list[dict[str, Any]] = field(default_factory=list)

    @property
    def means(self) -> list[float]:
        """Milliseconds a step and model, the mean of all sizes, round by round."""
        return [statistics.mean(r["milliseconds"].values()) for r in self.rounds]


class PeerError(Exception):
    """A peer's process failed; its last words."""


class Bench:
    """The processes of one run of the benchmark, in a temporary folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.images = folder / "images.npy"

    def ask(
        self, peer: Peer, command: str, *options: Any, cache: str, threads: dict[str, str]
    ) -> dict[str, Any]:
        """A peer's answer to a command, its clock times turned to seconds since it was started.

        Args:
            cache: names the folder where compiled programs are kept between processes.
        """
        interpreter = environments.python_of(peer.environment) if peer.environment else None
        line = [interpreter or sys.executable, _HERE / "peers" / peer.file, command, *options]
        started = time.time()
        done = subprocess.run(
            [str(part) for part in line],
            env=os.environ | self._variables(cache) | threads,
            capture_output=True,
            text=True,
            timeout=SECONDS_A_PROCESS,
            check=False,
        )
        if done.returncode:
            raise PeerError(last_words(done.stderr))
        answer = json.loads(done.stdout.strip().splitlines()[-1]) if command != "weights" else {}
        if "ready_at" in answer:
            answer["start_up_seconds"] = answer.pop("ready_at") - started
        return answer

    def time(
        self,
        record: Record,
        latents: Sequence[int],
        steps: int,
        cache: str,
        extra: Iterable[Any] = (),
    ) -> dict[str, Any]:
        """Times of a peer."""
        options = ["--images", self.images, "--latents", *latents, "--steps", steps, *extra]
        return self.ask(record.peer, "time", *options, cache=cache, threads=record.threads)

    def loss(self, record: Record, images: np.ndarray) -> float:
        """-ELBO of a peer's network after one real epoch."""
        out = self.folder / f"{record.peer.name}.npz"
        options = ["--images", self.images, "--latents", CHECKED_LATENT, "--steps", EPOCH]
        threads = record.threads
        self.ask(record.peer, "weights", *options, "--out", out, cache="check", threads=threads)
        with np.load(out) as weights:
            return negative_elbo(dict(weights), images)

    def _variables(self, cache: str) -> dict[str, str]:
        """Settings of the libraries: the processor only, and where compiled programs are kept."""
        return {
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(self.folder / cache / "jax"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "TORCHINDUCTOR_CACHE_DIR": str(self.folder / cache / "inductor"),
            "PYTHONWARNINGS": "ignore",
        }


ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [peer.name for peer in PEERS]
    parser.add_argument("--only", choices=names, help="one peer, with latentsweep and the floor")
    only = parser.parse_args().only
    records = [Record(OURS), *(Record(p) for p in PEERS if only in (None, p.name))]
    for record in records:
        if record.peer.environment:
            environments.python_of(record.peer.environment)
    minutes = MINUTES if only is None else MINUTES // 2
    print(
        f"Everything is set up; this takes about {minutes} minutes on two idle cores.", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        text = measured(Bench(Path(folder)), records, complete=only is None)
    print(f"\n{text}")
    if only is None:
        (_HERE / "results.md").write_text(text)
        print("Written to benchmarks/results.md")


def measured(bench: Bench, records: list[Record], *, complete: bool) -> str:
    """All measurements of a run, as the text of `results.md`."""
    images = training_images()
    np.save(bench.images, images)
    rates = product_rates(bench, records)
    choose_threads(bench, records[1:])
    check_losses(bench, records, images[:CHECKED_IMAGES].astype(np.float32) / 255)
    compare(bench, records)
    scale = scaled(bench, records[0]) if complete else []
    spread = over_devices(bench, records[0]) if complete else []
    rates = [*rates, *product_rates(bench, records)]
    return tables.text(records, LATENTS, rates, scale, spread)


def training_images() -> np.ndarray:
    """MNIST's training images [60000, 784], uint8, found or downloaded as latentsweep does."""
    found = mnist.read()
    return found.values[found.split == "train"].reshape(-1, 28 * 28)


def product_rates(bench: Bench, records: list[Record]) -> list[tuple[str, float]]:
    """FLOP a second of the libraries' matrix products, over all cores."""
    environments_seen: dict[str | None, Peer] = {r.peer.environment: r.peer for r in records}
    rates = []
    for peer in environments_seen.values():
        answer = bench.ask(peer, "products", cache="products", threads={})
        rates += answer.items()
        say("matrix products", peer, ", ".join(f"{k} {v / 1e9:.0f}" for k, v in answer.items()))
    return rates


def choose_threads(bench: Bench, records: list[Record]) -> None:
    """Give each peer its library's own number of threads, or one if that is faster here."""
    for record in records:
        try:
            trials = {}
            for threads in ({}, ONE_THREAD):
                trial = Record(record.peer, threads)
                cache = f"trial-{len(threads)}"
                answer = bench.time(trial, [CHECKED_LATENT], TRIAL_STEPS, cache)
                trials[len(threads)] = answer["milliseconds"][str(CHECKED_LATENT)]
            record.threads = ONE_THREAD if trials[len(ONE_THREAD)] < trials[0] else {}
            said = f"{trials[0]:.2f} ms with its own, {trials[len(ONE_THREAD)]:.2f} ms with one"
            say("threads", record.peer, said)
        except (PeerError, subprocess.TimeoutExpired) as error:
            fail(record, f"does not run: {error}")


def check_losses(bench: Bench, records: list[Record], images: np.ndarray) -> None:
    """Mark as failed each peer whose -ELBO after one epoch is not that of the others."""
    for record in records:
        if record.failure:
            continue
        try:
            record.loss = bench.loss(record, images)
            say("after one epoch", record.peer, f"-ELBO {record.loss:.2f} nats")
        except (PeerError, subprocess.TimeoutExpired) as error:
            fail(record, f"does not train an epoch: {error}")
    middle = statistics.median(r.loss for r in records if r.loss is not None)
    for record in records:
        if record.loss is not None and not abs(record.loss - middle) <= TOLERANCE:
            fail(record, f"-ELBO {record.loss:.2f}, the median of all is {middle:.2f}")


def compare(bench: Bench, records: list[Record]) -> None:
    """Ask all peers in turn, round by round."""
    for number in range(1, ROUNDS + 1):
        for record in records:
            if record.failure:
                continue
            try:
                record.rounds.append(bench.time(record, LATENTS, record.peer.steps, "rounds"))
                say(f"round {number} of {ROUNDS}", record.peer, f"{record.means[-1]:.2f} ms a step")
            except (PeerError, subprocess.TimeoutExpired) as error:
                fail(record, f"does not finish a round: {error}")


def scaled(bench: Bench, ours: Record) -> list[tuple[int, list[dict[str, Any]]]]:
    """Ours with more and more models of one width: the first round compiles, the others don't."""
    answers: dict[int, list[dict[str, Any]]] = {models: [] for models in SCALES}
    for number in range(1, ROUNDS + 1):
        for models, rounds in answers.items():
            rounds.append(_short(bench, ours, [SCALE_WIDTH] * models, f"scale-{models}"))
            milliseconds = statistics.mean(rounds[-1]["milliseconds"].values())
            say(f"round {number} of {ROUNDS}", ours.peer, f"{models} models, {milliseconds:.2f} ms")
    return list(answers.items())


def over_devices(bench: Bench, ours: Record) -> list[tuple[int, int, list[dict[str, Any]]]]:
    """Ours over one CPU device and over as many as there are cores, by number of models."""
    kinds = [(models, devices) for models in (4, 5) for devices in sorted({1, 2, cores()})]
    answers: dict[tuple[int, int], list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for number in range(1, ROUNDS + 1):
        for (models, devices), rounds in answers.items():
            extra, cache = ["--devices", devices], f"devices-{devices}"
            rounds.append(_short(bench, ours, [SCALE_WIDTH] * models, cache, extra))
            milliseconds = statistics.mean(rounds[-1]["milliseconds"].values())
            said = f"{models} models on {devices} devices, {milliseconds:.2f} ms"
            say(f"round {number} of {ROUNDS}", ours.peer, said)
    return [(models, devices, rounds) for (models, devices), rounds in answers.items()]


def _short(
    bench: Bench, ours: Record, latents: list[int], cache: str, extra: Iterable[Any] = ()
) -> dict[str, Any]:
    """Times of ours with short epochs, as many as few models need to be timed well."""
    epochs = -(-SCALE_MODEL_STEPS // (SCALE_STEPS * len(latents)))
    return bench.time(ours, latents, SCALE_STEPS, cache, ["--epochs", epochs, *extra])


def last_words(stderr: str) -> str:
    """The last line that names an error, or else the last."""
    lines = stderr.strip().splitlines() or ["no message"]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1])[:200]


def fail(record: Record, reason: str) -> None:
    """Mark a peer as failed."""
    record.failure = reason
    say("FAILED", record.peer, reason)


def say(what: str, peer: Peer, result: str) -> None:
    """One line of progress."""
    print(f"{what}: {peer.name}: {result}", flush=True)


if __name__ == "__main__":
    main()
