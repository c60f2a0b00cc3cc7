"""What a run tells while it works; the command line draws it, Python users hear nothing."""

from collections.abc import Mapping
from typing import Any

import pandas as pd


class Observer:
    """Hears of a run's progress; this one is silent."""

    def say(self, text: str) -> None:
        """One line for people."""

    def stage(self, name: str, total: int) -> None:
        """A stage of so many units begins."""

    def advance(self, done: float) -> None:
        """So many units of the stage are done, parts of one included."""

    def answer(self, recommendation: Mapping[str, Any]) -> None:
        """What a search knows after a step: the content of `recommendation` in answers.json."""

    def results(self, table: pd.DataFrame, newest: str) -> None:
        """The results so far, one row a member, and the member that was measured last."""
