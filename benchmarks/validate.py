"""Run `latentsweep recommend` on data of known dimension, and write docs/validation.md's table.

    python benchmarks/validate.py                 # every cell that is not done; then the page
    python benchmarks/validate.py --pilot 100     # other seeds, printed and not written

A cell is a data set of `latentsweep.data.sources.synthetic` with a seed of its own, and one search
with the defaults of `latentsweep recommend` but for networks of 128 units. Cells run one a core,
each held to it; a cell that is done is not run again.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

HIDDEN = 128
BUDGET_SECONDS = 600.0
HERE = Path(__file__).resolve().parent
RUNS = HERE.parent / "runs" / "validate"
PAGE = HERE.parent / "docs" / "validation.md"
SIDE = 16
FIRST_SEED = 10  # below, and from 100 on, are those that the search was made with
_S2 = {"exact": 0.7, "near": 0.9, "covered": 0.85}
# The groups of cells in words, and their targets.
GROUPS: dict[str, tuple[str, dict[str, float]]] = {
    "S1": ("S1: linear factors in Gaussian noise", {"exact": 0.95, "near": 1.0, "covered": 0.95}),
    "S2": ("S2: curved manifolds of 2 to 8 dimensions, real and binary", _S2),
    "S2 wide": ("S2: of 12 and 16 dimensions", {"covered": 0.85}),
    "S3": ("S3: pictures of 1 to 8 factors", {"exact": 0.6, "near": 0.85, "covered": 0.85}),
    "S3 trap": ("S3, the trap: a factor that runs in a circle", {}),
    "S4": ("S4: classes of 2, 4 and 6 dimensions", {"exact": 1.0}),
    "S5 noise": ("S5: noise alone: nothing to encode", {"exact": 1.0}),
    "S5 power law": (
        "S5: variances 1/i: no size of their own (undecided, or said to fade out)",
        {"exact": 1.0},
    ),
    "S5 weak factor": ("S5: one factor too weak to be found", {"exact": 1.0}),
    "S5 few": ("S5: 500 examples of S1", {}),
}
HEAD = (
    "# How often the recommendation is right\n\n"
    "Written by `make validate` (benchmarks/validate.py): `latentsweep recommend` as it is "
    "but for networks of 128 units, on data of known dimension (`latentsweep data` describes "
    "the families). Shares stand with their 95 % Wilson intervals; a target is missed where the "
    "interval's upper end is below it. The seeds of these data sets tuned nothing. "
    "What the numbers of single networks are checked against is [checks.md](checks.md).\n"
)


@dataclass(frozen=True)
class Cell:
    """One data set: family, dimension, seed of its generator, number of examples."""

    group: str
    family: str
    dimension: int
    seed: int
    examples: int = 20_000

    @property
    def name(self) -> str:
        """Names its run folder."""
        size = f"-{self.dimension}" if self.dimension else ""
        return f"{self.family}{size}-n{self.examples}-s{self.seed}"


def cells(first: int) -> list[Cell]:
    """All cells, with seeds from `first` on."""
    one, two = ([first + i for i in range(count)] for count in (1, 2))
    grid = [
        *(("S1", "linear", d, s, 20_000) for d in (2, 4, 8, 16) for s in two),
        *(("S2", "smooth", d, s, 20_000) for d in (2, 3, 5, 8) for s in two),
        *(("S2", "smooth-binary", d, s, 20_000) for d in (2, 3, 5, 8) for s in one),
        *(("S2 wide", "smooth", d, s, 20_000) for d in (12, 16) for s in two),
        *(("S3", "shapes", d, s, 20_000) for d in range(1, 9) for s in one),
        *(("S3 trap", "shapes-turning", 0, s, 20_000) for s in one),
        *(("S4", "union", 0, s, 20_000) for s in two),
        *(("S5 noise", "noise", 0, s, 20_000) for s in two),
        *(("S5 power law", "power-law", 0, s, 20_000) for s in two),
        *(("S5 weak factor", "weak-factor", d, s, 5_000) for d, s in ((4, first), (8, first + 1))),
        *(("S5 few", "linear", d, s, 500) for d, s in ((4, first), (8, first + 1))),
    ]
    return [Cell(*each) for each in grid]


def run_cell(cell: Cell) -> dict[str, Any]:
    """Search one cell's latent size, in this process."""
    from latentsweep.data.prepare import prepare
    from latentsweep.data.sources import synthetic
    from latentsweep.record.folder import RunFolder
    from latentsweep.training.experiment import Experiment
    from latentsweep.training.program_cache import kept_programs
    from latentsweep.workflow.executors import Local
    from latentsweep.workflow.pilot import with_pilot
    from latentsweep.workflow.search import Ask, find, search_study, suited

    started = time.perf_counter()
    spec = synthetic.Synthetic(cell.family, cell.dimension, cell.seed, cell.examples, side=SIDE)
    study = search_study(cell.name, cell.name, {"hidden_size": HIDDEN})
    drawn = synthetic.drawn(spec)
    pictures = drawn.values.dtype == "uint8"  # of any dimension
    study = study.changed({"likelihood": "bernoulli" if pictures else "gaussian"})
    made = prepare(drawn, study)
    made_seconds = time.perf_counter() - started
    study, dataset = suited(study, made, ["hidden_size"])
    folder = RunFolder(RUNS / cell.name)
    ask = Ask(budget=BUDGET_SECONDS)
    with kept_programs():
        here = with_pilot(Local(folder, Experiment(study, dataset)), BUDGET_SECONDS)
        found = find(here, ask, command="validate")
    return {
        "cell": cell.__dict__,
        "status": found.json["status"],
        "latent_size": found.json["latent_size"],
        "set": found.json["set"],
        "width": found.json["width"],
        "at_shares": found.json["at_shares"],
        "evidence": found.json["evidence"],
        "rows": found.json["rows"],
        "open": found.json["open"],
        "gradual": found.json["gradual"],
        "dimension": folder.dimension(),
        "seconds": time.perf_counter() - started,
        "made_seconds": made_seconds,
        "init": here.experiment.study.init,
        "networks": sum(row["seeds"] for row in found.json["rows"]),
    }


def run_all(first: int, only: str) -> list[dict[str, Any]]:
    """Every cell's result; those that are not there yet are made, one a core at a time."""
    todo = [cell for cell in cells(first) if cell.family.startswith(only)]
    free: Queue[int] = Queue()
    for core in sorted(os.sched_getaffinity(0)):
        free.put(core)
    with ThreadPoolExecutor(free.qsize()) as pool:
        return list(pool.map(lambda cell: _result(cell, free), todo))


def _result(cell: Cell, free: "Queue[int]") -> dict[str, Any]:
    path = RUNS / cell.name / "cell.json"
    if not path.exists():
        core = free.get()
        command = [sys.executable, __file__, "--cell", json.dumps(cell.__dict__)]
        environment = {**os.environ, "LATENTSWEEP_CORE": str(core), "OMP_NUM_THREADS": "1"}
        try:
            subprocess.run(command, check=True, env=environment)
        finally:
            free.put(core)
    return json.loads(path.read_text())


def judged(result: dict[str, Any]) -> dict[str, Any]:
    """A cell's row of the page: the truth, what was said, and what the simple estimators say."""
    from latentsweep.data.sources import synthetic
    from latentsweep.study import Study

    cell = Cell(**result["cell"])
    spec = synthetic.Synthetic(cell.family, cell.dimension, cell.seed, cell.examples, side=SIDE)
    known = synthetic.truth(spec)
    accepted = sorted(known.accepted)
    said, ends, profile = result["latent_size"], result["set"], result["dimension"]
    estimates = {
        "TwoNN": round(profile["two_nn"]),
        "MLE": round(profile["mle"]),
        "PCA 95 %": _principal(synthetic.make(spec, Study(name="validate"))),
    }
    return {
        "group": cell.group,
        "name": spec.name,
        "examples": cell.examples,
        "accepted": accepted,
        "verdict": known.verdict,
        "status": result["status"],
        "said": said,
        "set": ends,
        "exact": said in accepted if accepted else _right(known.verdict, result),
        "near": said is not None and bool(accepted) and _away(said, accepted) <= 1,
        "covered": ends is not None and any(ends[0] <= k <= ends[1] for k in accepted),
        "width": result["width"],
        "away": _away(said if said is not None else _likeliest(result), accepted),
        "estimates": estimates,
        "estimates_away": {name: _away(value, accepted) for name, value in estimates.items()},
        "class_dependent": result["evidence"]["class_dependent"],
        "gradual": result["gradual"],
        "seconds": result["seconds"],
        "networks": result["networks"],
    }


def _right(verdict: str, result: dict[str, Any]) -> bool:
    """Whether data without a size were told as such: nothing to encode, or no size of their own."""
    from latentsweep.data.sources.synthetic import NOTHING

    if verdict == NOTHING:
        return result["status"] == "nothing to encode"
    return result["latent_size"] is None or result["gradual"]


def _likeliest(result: dict[str, Any]) -> int:
    return max(result["rows"], key=lambda row: row["probability"])["latent_size"]


def _away(size: int, accepted: list[int]) -> int | None:
    """Distance from the nearest accepted size; None where there is none."""
    return min(abs(size - known) for known in accepted) if accepted else None


def _principal(dataset: Any) -> int:
    """Principal components that hold 95 % of the variance of the training split."""
    import numpy as np

    train = dataset.values[dataset.splits["train"]]
    x = dataset.scale(train, np.float64).reshape(len(train), -1)
    variances = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    return int(np.searchsorted(np.cumsum(variances) / variances.sum(), 0.95) + 1)


def page(rows: list[dict[str, Any]]) -> str:
    """docs/validation.md."""
    lines = [HEAD, *_summary(rows), "", *_against(rows), "", "## Every cell", "", *_cells(rows), ""]
    return "\n".join(lines)


def _summary(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| family | cells | exact, or the right verdict | within 1 | 90 % set covers | "
        "median width | targets |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for group, (words, targets) in GROUPS.items():
        mine = [row for row in rows if row["group"] == group]
        if not mine:
            continue
        shares = {name: _share(mine, name) for name in ("exact", "near", "covered")}
        sized = any(row["accepted"] for row in mine)
        widths = sorted(row["width"] for row in mine if row["width"] is not None)
        median = widths[len(widths) // 2] if widths else "-"
        kept = ", ".join(_target(name, bar, shares[name]) for name, bar in targets.items())
        names = ("exact", "near", "covered")
        texts = " | ".join(
            _percent(shares[name]) if sized or name == "exact" else "" for name in names
        )
        lines.append(f"| {words} | {len(mine)} | {texts} | {median} | {kept} |")
    return lines


def _share(rows: list[dict[str, Any]], name: str) -> Any:
    from latentsweep.answers.statistics import wilson

    return wilson(sum(bool(row[name]) for row in rows), len(rows))


def _percent(share: Any) -> str:
    value, low, high = (round(100 * each) for each in share)
    return f"{value} % ({low} to {high})"


def _target(name: str, bar: float, share: Any) -> str:
    words = {"exact": "exact", "near": "within 1", "covered": "covers"}[name]
    kept = "met" if share.value >= bar else "not missed" if share.high >= bar else "**missed**"
    return f"{words} ≥ {100 * bar:.0f} %: {kept}"


def _against(rows: list[dict[str, Any]]) -> list[str]:
    """Mean error on S2 and S3 beside the simple estimators."""
    mine = [row for row in rows if row["group"] in ("S2", "S2 wide", "S3")]
    names = list(mine[0]["estimates_away"])
    ours = sum(row["away"] for row in mine) / len(mine)
    means = [sum(row["estimates_away"][n] for row in mine) / len(mine) for n in names]
    sets = sorted(row["width"] for row in mine if row["width"] is not None)
    return [
        f"Mean distance from the known dimension over the {len(mine)} cells of S2 and S3: "
        f"**{ours:.2f}** for the recommendation (the likeliest size where it is undecided), "
        + ", ".join(f"{mean:.2f} for {name}" for name, mean in zip(names, means, strict=True))
        + f". Median width of its sets there: {sets[len(sets) // 2]}.",
    ]


def _cells(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| data | examples | known | said | 90 % set | status | TwoNN | MLE | PCA 95 % | networks "
        "| s |",
        "|---|---:|---|---:|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        known = " or ".join(map(str, row["accepted"])) or row["verdict"]
        flag = "; class-dependent" if row["class_dependent"] else ""
        flag += "; fades out" if row["gradual"] else ""
        ends = "" if row["set"] is None else f"{row['set'][0]} to {row['set'][1]}"
        estimates = " | ".join(str(value) for value in row["estimates"].values())
        lines.append(
            f"| {row['name']} | {row['examples']:,} | {known} | {row['said'] or ''} | {ends} | "
            f"{row['status']}{flag} | {estimates} | {row['networks']} | {row['seconds']:.0f} |"
        )
    return lines


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pilot", type=int, help="seeds from this on; nothing is written")
    parser.add_argument("--only", default="", help="families that begin so")
    parser.add_argument("--cell", help="one cell, as JSON; used by the program itself")
    asked = parser.parse_args()
    if asked.cell:
        os.sched_setaffinity(0, {int(os.environ["LATENTSWEEP_CORE"])})
        cell = Cell(**json.loads(asked.cell))
        result = run_cell(cell)
        (RUNS / cell.name / "cell.json").write_text(json.dumps(result))
        print(
            f"{cell.name}: {result['status']} {result['latent_size']} set {result['set']} "
            f"{result['networks']} networks {result['seconds']:.0f} s",
            flush=True,
        )
        return
    results = run_all(FIRST_SEED if asked.pilot is None else asked.pilot, asked.only)
    if asked.pilot is None and not asked.only:
        PAGE.write_text(page([judged(result) for result in results]))
        print(f"Open {PAGE}")


if __name__ == "__main__":
    main()
