"""The measuring stage: a task is a block of one member; and the table of all blocks' columns."""

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from latentsweep.data.splits import SPLIT
from latentsweep.evaluation import structure
from latentsweep.evaluation.blocks import BLOCKS, TERMS, Subject
from latentsweep.evaluation.yardsticks import Yardsticks
from latentsweep.record.columns import PROJECTED, PROJECTION
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member, load_trained, members_in
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.tasks import Task
from latentsweep.workflow.train import is_trained

YARDSTICKS, BASELINES, SIMILARITIES = "yardsticks", "baselines", "similarities"


def missing(
    run: RunFolder, experiment: Experiment, blocks: Sequence[str], *, again: bool = False
) -> list[Task]:
    """The blocks of trained members that are not made yet, member by member.

    Args:
        again: all of them, made or not.
    """
    return [
        Task("measure", f"{member.name}/{name}")
        for member in members_in(run, experiment.study)
        if is_trained(run, member.name)
        for name in blocks
        if (again or not run.has_block(member.name, name))
        and BLOCKS[name].applies(experiment, member)
        and not (BLOCKS[name].needs_terms and failed_epoch(run, member.name, experiment))
    ]


def of_the_data(run: RunFolder, *, again: bool = False) -> list[Task]:
    """What is measured of the data itself, and not made yet."""
    there = {YARDSTICKS: run.yardsticks_path, BASELINES: run.baselines_path}
    return [Task("measure", name) for name, path in there.items() if again or not path.exists()]


class Measuring:
    """Measures members of a run, one block after another."""

    def __init__(self, run: RunFolder, experiment: Experiment, observer: Observer) -> None:
        self.run, self.experiment, self.observer = run, experiment, observer
        self.yardsticks = Yardsticks(experiment, observer.say)
        self._members: dict[str, Member] = {}

    def prepare(self, names: Sequence[str]) -> None:  # noqa: ARG002
        """Know the members."""
        members = members_in(self.run, self.experiment.study)
        self._members = {member.name: member for member in members}

    def perform(self, name: str, tick: Callable[[], None]) -> None:  # noqa: ARG002
        """Make a block, its columns last, which say that it is there."""
        if name == YARDSTICKS:
            return self.run.write_yardsticks(self.yardsticks.facts())
        if name == BASELINES:
            return self.run.write_baselines(*self.yardsticks.baselines())
        if name == SIMILARITIES:
            return self.run.write_similarities(_similarities(self.run, self.experiment))
        own, _, block = name.partition("/")
        member = self._members[own]
        width = max(each.latent_size for each in self._members.values())
        subject = Subject(
            self.experiment,
            self.yardsticks,
            member,
            load_trained(self.run, member, width),  # one width: one compilation
            self.run.manifest()["bounds"],
            lambda other: self.run.block(own, other),
        )
        return self.run.write_block(own, block, *BLOCKS[block].make(subject))


def results(run: RunFolder, experiment: Experiment) -> pd.DataFrame:
    """The table of results: what training and blocks gave, a row a measured member."""
    members = members_in(run, experiment.study)
    rows = [_row(run, experiment, m) for m in members if run.has_block(m.name, TERMS)]
    if not rows:
        return pd.DataFrame({"member": pd.Series(dtype=str)})
    table = pd.DataFrame(rows)
    projected = PROJECTED if run.projections_path.exists() else ()
    return table.assign(**{name: math.nan for name in projected if name not in table})


def failed_epoch(run: RunFolder, member: str, experiment: Experiment) -> int:
    """The epoch in which a member's training failed, the last if its measurement did, or 0."""
    failed = run.facts(member)["failed_epoch"]
    if failed or not run.has_block(member, TERMS):
        return failed
    means = run.columns(member, TERMS)
    bounded = math.isfinite(means["loss"]) and math.isfinite(means["neg_elbo"])
    return 0 if bounded else experiment.study.epochs


def _row(run: RunFolder, experiment: Experiment, member: Member) -> dict[str, Any]:
    variant = experiment.study.variant(member.objective)
    failed = failed_epoch(run, member.name, experiment)
    row = {
        "member": member.name,
        "objective": member.objective,
        "latent_size": member.latent_size,
        "seed": member.seed,
        "kl_weight": variant.kl_weight,
        "kl_warm_up": variant.kl_warm_up,
        "data": experiment.dataset.name,
        "split": SPLIT,
        "status": "failed" if failed else "ok",
        "failed_epoch": failed,
        "train_seconds": run.facts(member.name)["train_seconds"],
    }
    for block in (*BLOCKS, PROJECTION):
        if run.has_block(member.name, block):
            row |= run.columns(member.name, block)
    return row


def _similarities(run: RunFolder, experiment: Experiment) -> pd.DataFrame:
    """How alike two sizes' spaces are: shared neighbours and CKA of the projected examples."""
    table, rows = results(run, experiment), []
    sound = table[table["status"] == "ok"]
    for (objective, seed), group in sound.groupby(["objective", "seed"], sort=False):
        spaces = [
            (
                size,
                run.block(name, TERMS)[f"{SPLIT}/codes"][experiment.chosen],
                run.block(name, "structure")["projected/neighbours"],
            )
            for name, size in zip(group["member"], group["latent_size"], strict=True)
        ]
        for (size, codes, near), (other, other_codes, other_near) in combinations(spaces, 2):
            overlap = structure.overlap(near, other_near)
            alike = [overlap, structure.cka(codes, other_codes)]
            rows.append([objective, seed, size, other, *alike])
    return pd.DataFrame(rows, columns=_SIMILARITIES)


_SIMILARITIES = ["objective", "seed", "latent_size", "other_size", "overlap", "cka"]
