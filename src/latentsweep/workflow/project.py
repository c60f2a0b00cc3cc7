"""The projecting stage: two-dimensional coordinates of every latent space, in one task."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from latentsweep.data.splits import SPLIT
from latentsweep.evaluation import projection
from latentsweep.record.columns import PROJECTED, PROJECTION
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.training.placement import cores
from latentsweep.workflow.measure import results
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.tasks import Task

FIRST_SEEDS, NONE = "first-seeds", "none"


def missing(run: RunFolder, *, again: bool = False, of: str = FIRST_SEEDS) -> list[Task]:
    """The projection, unless it is there.

    Args:
        of: FIRST_SEEDS, or NONE: a search has more spaces than anyone looks at.
    """
    return [Task("project", of)] if again or not run.projections_path.exists() else []


class Projecting:
    """Projects the latent spaces that pictures show.

    Of each objective and latent size that is the first seed's member that did not fail.
    """

    def __init__(self, run: RunFolder, experiment: Experiment, observer: Observer) -> None:
        self.run, self.experiment, self.observer = run, experiment, observer

    def prepare(self, names: Sequence[str]) -> None:
        """Nothing is shared."""

    def perform(self, name: str, tick: Callable[[], None]) -> None:
        """Write each member's faithfulness and, last of all, the coordinates."""
        members = [] if name == NONE else self._members()
        self.observer.stage("t-SNE", len(members))
        panels, tables = self._panels(members, tick), [_empty()]
        for member, panel in zip(members, panels, strict=True):
            told = {name: getattr(panel, name.removeprefix("tsne_")) for name in PROJECTED}
            self.run.write_block(member, PROJECTION, told, {})
            x, y = panel.coordinates.T
            place = {"example": self.experiment.chosen, "x": x, "y": y, "method": panel.method}
            tables.append(pd.DataFrame({"member": member, **place}))
        self.run.write_projections(pd.concat(tables, ignore_index=True))

    def _members(self) -> list[str]:
        table = results(self.run, self.experiment)
        sound = table[table["status"] == "ok"]
        return list(sound.drop_duplicates(["objective", "latent_size"])["member"])

    def _panels(self, members: list[str], tick: Callable[[], None]) -> list[projection.Panel]:
        experiment, panels = self.experiment, []
        if not members:
            return panels
        codes = [self.run.arrays(name)[f"{SPLIT}/codes"][experiment.chosen] for name in members]
        values = experiment.values(experiment.split(SPLIT))[experiment.chosen]
        start = projection.common_start(experiment.dataset.scale(values, np.float32))
        for panel in projection.panels(codes, start, threads=cores()):
            panels.append(panel)
            tick()
            self.observer.advance(len(panels))
        return projection.aligned(panels)


def _empty() -> pd.DataFrame:
    types = {"member": str, "example": np.int32, "x": float, "y": float, "method": str}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
