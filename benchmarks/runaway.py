"""Does any small network run away? 200 trainings at the usual rate, twice and three times that.

    python benchmarks/runaway.py

Prints, a line for each data set and rate, how many networks were trained again or failed, and the
largest held-out loss beside that of the same example without a latent, which grows with its
distance from the training data.
"""

import tempfile
from pathlib import Path

import numpy as np

from latentsweep.answers.absurd import told_apart
from latentsweep.data.catalogue import load_dataset
from latentsweep.data.prepare import prepare
from latentsweep.data.sources import synthetic
from latentsweep.data.splits import HELD_OUT
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.training.program_cache import kept_programs
from latentsweep.workflow.answer import answer
from latentsweep.workflow.begin import begin
from latentsweep.workflow.executors import Local
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.run import train_and_measure
from latentsweep.workflow.search import search_study, suited

SIZES, SEEDS, HIDDEN, RATE = (1, 2, 4, 8, 16), tuple(range(5)), 64, 7e-3
CASES = [
    *(("digits", times) for times in (1, 2, 3)),
    *(("breast_cancer", times) for times in (2, 3)),
    *(("smooth-3", times) for times in (1, 2, 3)),
]


class Heard(Observer):
    """Keeps what is said of trainings."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """Keep what is said."""
        self.said.append(text)


def work(name: str, times: float, folder: Path, heard: Observer) -> Local:
    """The study of a data set at so many times the usual rate."""
    changes = {"hidden_size": HIDDEN, "learning_rate": times * RATE, "seeds": SEEDS}
    study = search_study(
        "runaway", name, {**changes, "latent_sizes": SIZES, "likelihood": "gaussian"}
    )
    if name.startswith("smooth"):
        spec = synthetic.Synthetic("smooth", 3, 50, 3_000, side=16)
        whole = prepare(synthetic.drawn(spec), study)
    else:
        whole = load_dataset(study)
    study, dataset = suited(study, whole, [*changes, "latent_sizes", "epochs"])
    experiment = Experiment(study.changed({"epochs": 20}), dataset)
    return Local(RunFolder(folder), experiment, heard)


def main() -> None:
    """Train and print."""
    total = 0
    for name, times in CASES:
        heard = Heard()
        with tempfile.TemporaryDirectory() as folder, kept_programs():
            doing = work(name, times, Path(folder), heard)
            begin(doing.run, doing.experiment, "runaway")
            train_and_measure(doing, (HELD_OUT,))
            found = answer(doing.run)
        losses, apart = found.losses, told_apart(found.losses)
        without = losses.no_latent_of_seeds
        beyond = np.nanmax(losses.values - without)
        again = sum("trained again" in text for text in heard.said)
        total += losses.present.size
        pairs = ((end, each) for each in (losses.values, without) for end in (np.nanmin, np.nanmax))
        ends = (f"{end(each):.4g}" for end, each in pairs)
        print(
            f"{name:14} {times} x {RATE}: {losses.present.size} networks, {again} second starts, "
            f"{len(found.compared.failed)} failed; held-out losses {next(ends)} to {next(ends)}, "
            f"without a latent {next(ends)} to {next(ends)}; at most {beyond:.4g} above that; "
            f"absurd: {apart.examples} examples, {len(apart.networks)} networks",
            flush=True,
        )
    print(f"{total} networks")


if __name__ == "__main__":
    main()
