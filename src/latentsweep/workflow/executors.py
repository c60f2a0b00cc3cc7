"""The executor of one process: tasks are performed here, one after another."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.workflow.begin import loaded
from latentsweep.workflow.measure import Measuring
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.outcome import Answering, Drawing
from latentsweep.workflow.project import Projecting
from latentsweep.workflow.tasks import Stage, Task, timed
from latentsweep.workflow.train import Training

_STAGES: dict[str, Any] = {
    "train": Training,
    "measure": Measuring,
    "project": Projecting,
    "answer": Answering,
    "draw": Drawing,
}
_ACCOUNTS = {"measure": "evaluate", "draw": "report"}  # where the manifest has another name


class Local:
    """Performs tasks of one run; those of a stage share what can be shared in a process."""

    def __init__(
        self, run: RunFolder, experiment: Experiment, observer: Observer | None = None
    ) -> None:
        self.run = run
        self.experiment = experiment
        self.observer = observer or Observer()
        self._stages: dict[str, Stage] = {}

    def each(self, tasks: Sequence[Task], account: str | None = None) -> Iterator[Task]:
        """Perform tasks, and tell of each one that is done.

        Args:
            account: the manifest's name for the seconds, if it is not that of the stage.
        """
        for stage, group in groupby(tasks, key=lambda task: task.stage):
            performer, own = self._stage(stage), list(group)
            name = account or _ACCOUNTS.get(stage, stage)
            with timed(self.run, "compile" if stage == "train" else name):
                performer.prepare([task.name for task in own])
            for task in own:
                with timed(self.run, name) as tick:
                    performer.perform(task.name, tick)
                yield task

    def all(self, tasks: Sequence[Task], account: str | None = None) -> None:
        """Perform tasks."""
        for _ in self.each(tasks, account):
            pass

    def _stage(self, name: str) -> Stage:
        if name not in self._stages:
            self._stages[name] = _STAGES[name](self.run, self.experiment, self.observer)
        return self._stages[name]


def perform(task: Task, run: RunFolder) -> None:
    """A task of a run, by whoever sees its folder."""
    stage: Stage = _STAGES[task.stage](run, loaded(run), Observer())
    stage.prepare([task.name])
    stage.perform(task.name, lambda: None)
