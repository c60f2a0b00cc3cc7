"""Networks of `latentsweep recommend` against principal components, in the same folds.

    python benchmarks/linear.py                      # all data sets
    python benchmarks/linear.py --only wine,digits
    python benchmarks/linear.py --set epochs=30      # with other fields of the study

At sizes up to 0.8 of the features and of the training rows, networks are trained as the search
trains them, and compared on what they hold out with probabilistic principal components of the same
size, fitted to the same training part, under the same density and floor of noise. The bar: the
upper 95 % limit of the paired difference is at most 0.3 nats, or 1 % of what the components gain
over no latent if that is more.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

SEED = 5
TABLES = "breast_cancer", "wine", "diabetes", "linnerud"
MADE = "heavy-tailed", "collinear", "mixed-scales"
S1 = "linear-2@10", "linear-4@10", "linear-8@10", "linear-16@10"
FEW = {"S1-4-of-500": (4, 10), "S1-8-of-500": (8, 11)}  # dimension and seed
BAR, SHARE = 0.3, 0.01


def values_of(name: str) -> np.ndarray:
    """The rows of a table of scikit-learn's, or of one that is made up."""
    from sklearn import datasets

    if name in TABLES:
        bunch = getattr(datasets, f"load_{name}")()
        both = [bunch.data, bunch.target] if name == "linnerud" else [bunch.data]
        return np.hstack(both).astype(float)
    if name in FEW:
        from latentsweep.data.sources.synthetic import Synthetic, drawn

        return drawn(Synthetic("linear", *FEW[name], examples=500)).values
    name, _, seed = name.partition("@")
    rng = np.random.default_rng(int(seed or SEED))
    if name == "heavy-tailed":
        weights = rng.normal(size=(5, 20))
        return rng.standard_t(3, (600, 5)) @ weights + 0.5 * rng.standard_t(3, (600, 20))
    if name == "collinear":
        factors = rng.normal(size=(400, 4))
        copies = factors @ rng.normal(size=(4, 12)) + 0.01 * rng.normal(size=(400, 12))
        return np.hstack([factors, copies, rng.normal(size=(400, 2))])
    factors = rng.normal(size=(300, 5))
    squares = 1_000 * factors**2 + rng.normal(size=(300, 5))
    counts = rng.poisson(3, (300, 4)) + factors[:, :4]
    return np.hstack([np.exp(factors), squares, counts, 1e-3 * rng.normal(size=(300, 3))])


def sizes_of(features: int, rows: int) -> list[int]:
    """Powers of two up to 0.8 of the features and rows, and that."""
    most = int(0.8 * min(features, rows))
    return sorted({size for size in (1, 2, 4, 8, 16, 32) if size < most} | {most})


def compared(name: str, changes: dict[str, Any]) -> None:
    """Train the networks of one data set, and print a line a size."""
    from latentsweep.data.catalogue import load_dataset
    from latentsweep.data.splits import HELD_OUT
    from latentsweep.record.folder import RunFolder
    from latentsweep.training.experiment import Experiment
    from latentsweep.training.program_cache import kept_programs
    from latentsweep.workflow.begin import begin
    from latentsweep.workflow.executors import Local
    from latentsweep.workflow.pilot import with_pilot
    from latentsweep.workflow.run import train_and_measure
    from latentsweep.workflow.search import search_study, suited

    with tempfile.TemporaryDirectory() as path, kept_programs():
        folder, source = RunFolder(Path(path) / "run"), name
        if few := name.partition("@")[0] in (*TABLES, *MADE, *FEW):
            source = str(Path(path) / f"{name}.npy")
            np.save(source, values_of(name))
        folds = {"validation_folds": 5 if name == "linnerud" else 10, "test_fraction": 0.02}
        asked = {"likelihood": "gaussian", "draws": 16, **(folds if few else {}), **changes}
        study = search_study(name.replace("@", "-"), source, asked)
        whole = load_dataset(study.changed({"validation_folds": 0}))
        study, data = suited(study, whole, asked)
        here = with_pilot(Local(folder, Experiment(study, data)), 600.0, changes)
        rows = len(data.splits["train"]) - here.experiment.fold_size
        seeds = tuple(range(study.validation_folds)) if few else (0, 1)
        sizes = sizes_of(data.features, rows)
        study = here.experiment.study.changed({"latent_sizes": sizes, "seeds": seeds})
        here = Local(folder, Experiment(study, data))
        begin(folder, here.experiment, "linear")
        train_and_measure(here, (HELD_OUT,))
        for size in sizes:
            print(_line(name, folder, size), flush=True)
        seconds = folder.manifest()["seconds"]
        count = len(sizes) * len(seeds)
        print(
            f"{name}: begins {study.init}, {study.hidden_size}, {study.epochs} epochs; "
            f"{seconds['train'] / count:.2f} s of training a network"
        )


def _line(name: str, run: Any, size: int) -> str:
    from latentsweep.training.members import members_of

    members = [each for each in members_of(run.study()) if each.latent_size == size]
    blocks = [run.block(member.name, "validation") for member in members]
    facts = [run.facts(member.name) for member in members]
    ours, linear = (
        np.array([block[f"validation/{column}"] for block in blocks], float)
        for column in ("neg_elbo", "linear")
    )
    none = run.no_latent("validation")
    gain = none.mean() - linear.mean()
    behind = ours - linear
    paired = behind.ravel() if run.study().validation_folds else behind.mean(axis=0)
    reach = 1.96 * paired.std(ddof=1) / np.sqrt(len(paired))
    high, bar = paired.mean() + reach, max(BAR, SHARE * gain)
    kept = np.mean([fact["kept_epoch"] for fact in facts])
    verdict = "ok" if high <= bar else "LOSES"
    better = " better" if high < 0 else ""
    return (
        f"| {name} | {size} | {linear.mean():.2f} | {ours.mean():.2f} | {paired.mean():+.2f} | "
        f"{paired.mean() - reach:+.2f} | {high:+.2f} | {bar:.2f} | {kept:.0f} | {verdict}{better} |"
    )


def main() -> None:
    """Compare them all, or those that are named."""
    from latentsweep.study import parse_setting

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join((*TABLES, "digits", *S1, *FEW, *MADE)))
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args()
    print("| data | size | components | networks | difference | low | high | bar | epoch kept | |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---|")
    for name in given.only.split(","):
        compared(name, dict(parse_setting(each) for each in given.set))


if __name__ == "__main__":
    main()
