"""The answering and the drawing stage: what a run's networks say, and what people see of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from latentsweep.data.splits import SPLIT
from latentsweep.evaluation.alarms import Readings, alarms
from latentsweep.evaluation.evaluate import LINEAR
from latentsweep.model.shape import BUILT_IN
from latentsweep.record.folder import RunFolder
from latentsweep.show.figures import write_figures
from latentsweep.show.report import write_report
from latentsweep.show.words.alarms import alarm_in_words
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member, members_in
from latentsweep.workflow.judge import write_answers
from latentsweep.workflow.measure import results
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.tasks import Task
from latentsweep.workflow.train import is_trained

ALARMS, ANSWERS = Task("answer", "alarms"), Task("answer", "answers")
DRAWN = Task("draw", "figures"), Task("draw", "page")


class Answering:
    """Tells what may be wrong with networks, and what they say of the latent size."""

    def __init__(self, run: RunFolder, experiment: Experiment, observer: Observer) -> None:
        self.run, self.experiment, self.observer = run, experiment, observer

    def prepare(self, names: Sequence[str]) -> None:
        """Nothing is shared."""

    def perform(self, name: str, tick: Callable[[], None]) -> None:  # noqa: ARG002
        """Write the alarms, or the answers."""
        if name == ALARMS.name:
            write_alarms(self.run, self.experiment)
        else:
            write_answers(self.run)


class Drawing:
    """Draws the figures and the page of a run."""

    def __init__(self, run: RunFolder, experiment: Experiment, observer: Observer) -> None:  # noqa: ARG002
        self.run, self.observer = run, observer
        self._done = 0

    def prepare(self, names: Sequence[str]) -> None:
        """Nothing is shared."""
        self._done = 0
        self.observer.stage("report", len(names))

    def perform(self, name: str, tick: Callable[[], None]) -> None:  # noqa: ARG002
        """Draw the figures, or write the page."""
        (write_figures if name == DRAWN[0].name else write_report)(self.run)
        self._done += 1
        self.observer.advance(self._done)


def write_alarms(run: RunFolder, experiment: Experiment) -> None:
    """Write the alarms of all measured members, mostly none."""
    table = results(run, experiment)
    sound = table[table["status"] == "ok"].to_dict("records") if len(table) else []
    members = {member.name: member for member in members_in(run, experiment.study)}
    run.write_alarms(
        [
            alarm_in_words({"member": row["member"], **alarm._asdict()})
            for row in sound
            for alarm in alarms(_readings(run, experiment, members[row["member"]], row))
        ]
    )


def _readings(
    run: RunFolder, experiment: Experiment, member: Member, row: Mapping[Any, Any]
) -> Readings:
    arrays, history = run.arrays(member.name), run.history(member.name)
    terms = ("loss", "reconstruction", "penalty", "rate")
    return Readings(
        row=dict(row),
        **{name: arrays[f"{SPLIT}/{name}"] for name in terms},
        linear=arrays.get(f"{SPLIT}/{LINEAR}"),
        curve=(history["reconstruction"] + history["penalty"]).to_numpy(),
        kept_epoch=run.facts(member.name).get("kept_epoch", len(history)),
        smaller=_least_of_smaller(run, experiment, member),
        features=experiment.dataset.features,
        ends_are_linear=experiment.study.network in BUILT_IN,
        **run.manifest()["bounds"],
    )


def _least_of_smaller(run: RunFolder, experiment: Experiment, member: Member) -> float | None:
    """The least training loss of networks that are smaller, of the same seed and objective."""
    others = [
        run.facts(each.name).get("least_loss")
        for each in members_in(run, experiment.study)
        if (each.objective, each.seed) == (member.objective, member.seed)
        and each.latent_size < member.latent_size
        and is_trained(run, each.name)
    ]
    return min((loss for loss in others if loss is not None), default=None)
