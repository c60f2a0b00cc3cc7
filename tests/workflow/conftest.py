"""Real runs on the digits, of seconds each."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from latentsweep import Run, Study, load_study, run
from latentsweep.workflow import outcome
from latentsweep.workflow.observer import Observer


class Notes(Observer):
    """An observer that keeps what it heard."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.stages: list[str] = []
        self.measured: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def stage(self, name: str, total: int) -> None:  # noqa: ARG002
        self.stages.append(name)

    def results(self, table: pd.DataFrame, newest: str) -> None:
        assert newest in set(table["member"])
        self.measured.append(newest)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def tiny(tiny_toml: Path) -> Study:
    return load_study(str(tiny_toml))


@pytest.fixture
def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw no pictures: those take longest, and are tested with `show`."""
    monkeypatch.setattr(outcome, "write_figures", lambda _: None)
    monkeypatch.setattr(outcome, "write_report", lambda folder: folder.report_path.touch())


@pytest.fixture
def quick(without_report: None, tiny: Study, tmp_path: Path, notes: Notes) -> Callable[..., Run]:
    """The tiny study with some fields changed, run into a folder without its pictures."""

    def run_changed(name: str = "run", *, force: bool = False, **settings: object) -> Run:
        return run(tiny, tmp_path / name, settings=settings, force=force, observer=notes)

    return run_changed
