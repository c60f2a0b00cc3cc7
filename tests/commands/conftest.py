"""The command line in this process: its exit code and what it prints."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import pytest

from latentsweep.commands.main import main


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path) -> Callable[..., Ended]:
    """Runs a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main puts its own there

    def run(*words: object) -> Ended:
        code = main([str(word) for word in words])
        return Ended(code, *capsys.readouterr())

    return run
