"""Does a faster schedule give the same answer? Two schedules, the same seeds, paired differences.

    python benchmarks/schedule.py               all three data sets, about half an hour
    python benchmarks/schedule.py mnist         one of them: mnist, digits or blobs
    python benchmarks/schedule.py mnist:32      one of its sizes

For every size and seed, one `elbo` network is trained with the data's usual schedule and one with
the fast one, from the same weights. The gate: the upper end of the paired 95 % interval of
-ELBO(fast) - -ELBO(usual) is at most a margin, the mean number of active units is within 3, and
training takes at most 40 % of the time. The margin is 0.5 nats; on MNIST at 2 and 4 dimensions,
whose trainings differ by more than that from seed to seed, it is what six seeds of a pilot (another
schedule: standard deviations 0.89 and 0.87) would find with 80 % power if nothing were lost. The
schedule was chosen on MNIST with other seeds (100 and above); digits and blobs had no part in it.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from latentsweep import Study, load_study
from latentsweep.data.catalogue import load_dataset
from latentsweep.evaluation.blocks import BASIC
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.training.program_cache import kept_programs
from latentsweep.workflow.begin import begin
from latentsweep.workflow.executors import Local
from latentsweep.workflow.run import tell_results, train_and_measure

RUNS = Path("runs") / "schedule"
SEEDS = tuple(range(6))
MARGIN, MARGINS = 0.5, {("mnist", 2): 1.28, ("mnist", 4): 1.25}
SCHEDULE = ("batch_size", "learning_rate", "warm_up", "decay", "kl_warm_up", "adam_beta2")


def trained(study: Study, folder: Path) -> pd.DataFrame:
    """The results of a study's models, trained and measured; a folder that has them keeps them."""
    here = Local(RunFolder(folder), Experiment(study, load_dataset(study)))
    if not here.run.manifest_path.exists():
        begin(here.run, here.experiment, "schedule")
    with kept_programs():
        train_and_measure(here, BASIC)
    tell_results(here)
    return here.run.results()


def blobs(folder: Path, count: int = 6000, side: int = 20) -> Path:
    """A smooth family of images with five dimensions: a spot's place, its two widths, its angle."""
    path = folder / "blobs.npy"
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    a, b = rng.uniform(-0.6, 0.6, (2, count, 1, 1))
    wide, narrow = rng.uniform(0.25, 0.6, (count, 1, 1)), rng.uniform(0.08, 0.25, (count, 1, 1))
    angle = rng.uniform(0, np.pi, (count, 1, 1))
    along = (x - a) * np.cos(angle) + (y - b) * np.sin(angle)
    across = (y - b) * np.cos(angle) - (x - a) * np.sin(angle)
    values = np.exp(-0.5 * ((along / wide) ** 2 + (across / narrow) ** 2))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(path, np.round(255 * values).astype(np.uint8))
    return path


def usual_study(data: str) -> Study:
    """The schedule that a data set has without this one: its `elbo` models, six seeds."""
    only = {"objectives": ("elbo",), "seeds": SEEDS}
    if data == "blobs":
        path = str(blobs(RUNS))
        only |= {"name": "blobs", "data": path, "latent_sizes": (2, 4, 8, 16), "epochs": 60}
        return load_study("digits").changed(only)
    return load_study(data).changed(only)


def fast_study(usual: Study) -> Study:
    """The same models on the schedule of `mnist-fast`, with the same share of the epochs."""
    fast, mnist = load_study("mnist-fast"), load_study("mnist")
    share = fast.epochs / mnist.epochs
    fields = {name: getattr(fast, name) for name in SCHEDULE}
    return usual.changed({**fields, "epochs": max(1, round(share * usual.epochs))})


def paired(usual: pd.DataFrame, fast: pd.DataFrame) -> pd.DataFrame:
    """One row a size: both means, the paired difference with its 95 % interval, active units."""
    rows = []
    for size, at in usual.groupby("latent_size"):
        there = fast[fast["latent_size"] == size].set_index("seed").loc[at["seed"]]
        gap = there["neg_elbo"].to_numpy() - at["neg_elbo"].to_numpy()
        half = stats.t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap))
        rows.append(
            {
                "latent size": size,
                "-ELBO usual": at["neg_elbo"].mean(),
                "-ELBO fast": there["neg_elbo"].mean(),
                "difference": gap.mean(),
                "low": gap.mean() - half,
                "high": gap.mean() + half,
                "margin": MARGINS.get((at["data"].iloc[0], size), MARGIN),
                "active usual": at["active_units"].mean(),
                "active fast": there["active_units"].mean(),
                "time": there["train_seconds"].sum() / at["train_seconds"].sum(),
            }
        )
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """The table as the documents have it."""
    lines = [" | ".join(table.columns), " | ".join(["---:"] * len(table.columns))]
    lines += [
        " | ".join(f"{value:.4g}" if value < 100 else f"{value:.2f}" for value in row)
        for row in table.to_numpy()
    ]
    return "\n".join(f"| {line} |" for line in lines)


def main(names: list[str]) -> None:
    """Print one table a data set."""
    for name in names or ["mnist", "digits", "blobs"]:
        data, _, size = name.partition(":")
        usual = usual_study(data)
        usual = usual.changed({"latent_sizes": int(size)}) if size else usual
        fast = fast_study(usual)
        table = paired(trained(usual, RUNS / f"{name}-usual"), trained(fast, RUNS / f"{name}-fast"))
        print(f"\n{name}: {len(SEEDS)} seeds, nats per example, paired 95 % intervals\n")
        print(markdown(table), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
