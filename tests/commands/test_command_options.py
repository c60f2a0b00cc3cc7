"""Options of a study's fields: one row each, the same for every command that takes it."""

import typer

from latentsweep.commands import options
from latentsweep.commands.main import app
from latentsweep.commands.options import OPTIONS, StudyOption, flag_of, with_fields
from latentsweep.study import Study


def flags(command: str) -> set[str]:
    commands = typer.main.get_command(app).commands
    return {name for parameter in commands[command].params for name in parameter.opts}


def test_every_option_is_a_field_and_stands_in_its_commands():
    assert set(OPTIONS) <= set(Study.model_fields)
    assert {flag_of(field) for field in OPTIONS} <= flags("run")
    assert {flag_of(field) for field in options.OWN_DATA} <= flags("recommend")
    assert flag_of("hidden_size") is None


def test_a_row_is_an_option_of_a_command(monkeypatch):
    monkeypatch.setitem(OPTIONS, "batch_size", StudyOption("Examples a step.", "N", type=int))
    got = {}

    @with_fields("batch_size", "missing", "seeds", "drop")
    def command(name: str = "x", changes: dict = {}, again: bool = False):  # noqa: B006
        got.update(changes, name=name, again=again)

    one = typer.Typer()
    one.command()(command)
    line = "--batch-size 8 --set batch_size=9 --set epochs=2 --missing drop --seeds 2 --drop a"
    one(args=[*line.split(), "--name", "y"], standalone_mode=False)
    given = {"batch_size": 8, "epochs": 2, "missing": "drop", "seeds": range(2), "drop": ("a",)}
    assert got == {**given, "name": "y", "again": False}
    assert type(got["missing"]) is str
