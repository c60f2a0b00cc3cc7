"""What a study will do, before it does it: its members, its passes, and what they cost here."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from latentsweep.model.family import Mapping
from latentsweep.record import atomic
from latentsweep.record.folder import RunFolder
from latentsweep.record.reading import read_json
from latentsweep.record.schema import Plan
from latentsweep.study import Study
from latentsweep.training.orders import Recipe
from latentsweep.training.placement import Placement, pass_sizes
from latentsweep.training.update import fastest_rule, rule_of


class Kind(NamedTuple):
    """What passes that share their compiled programs have in common."""

    members: int
    width: int
    mapping: Mapping
    fused: bool


@dataclasses.dataclass(frozen=True)
class Pass:
    """Members that train together; `plan.json` of its folder."""

    members: tuple[str, ...]
    width: int
    mapping: Mapping
    devices: int
    epochs: int
    steps_per_epoch: int
    fused: bool = False

    @property
    def kind(self) -> Kind:
        """What its compiled programs depend on."""
        return Kind(len(self.members), self.width, self.mapping, self.fused)

    def recipe(self, recipe: Recipe) -> Recipe:
        """The recipe of a study, with this pass's own width and update rule."""
        return dataclasses.replace(recipe.wide(self.width), rule=rule_of(fused=self.fused))


def planned_passes(
    names: Sequence[str], study: Study, recipe: Recipe, placement: Placement, at_once: int
) -> list[Pass]:
    """The passes that train these members on these devices, at most so many at once on each.

    All have the recipe's width.
    """
    sizes = pass_sizes(len(names), len(placement.devices), at_once)
    starts = np.cumsum([0, *sizes])
    return [
        Pass(
            members=tuple(names[start : start + size]),
            width=recipe.shape.width,
            mapping=placement.mapping,
            devices=placement.mesh(size).size,
            epochs=study.epochs,
            steps_per_epoch=recipe.steps_per_epoch,
            fused=fastest_rule(placement.mapping).fused,
        )
        for start, size in zip(starts, sizes, strict=False)
    ]


def passes_of(folder: RunFolder) -> list[Pass]:
    """The passes that were planned in a folder, in order."""
    files = (folder.path / "passes").glob("p[0-9]*/plan.json")
    return [_read_pass(file) for file in sorted(files, key=_number)]


def plan_more(folder: RunFolder, planned: Sequence[Pass], first: int) -> None:
    """Write passes with the numbers from `first` on, before their first step."""
    for number, each in enumerate(planned, start=first):
        atomic.write_json(folder.pass_path(number) / "plan.json", dataclasses.asdict(each))


def _number(plan: Path) -> int:
    return int(plan.parent.name[1:])


def _read_pass(path: Path) -> Pass:
    content = read_json(path, Plan)
    known = {each.name for each in dataclasses.fields(Pass)}
    fields = {name: value for name, value in content.items() if name in known}
    return Pass(**{**fields, "members": tuple(content["members"])})
