"""Nothing private of Typer is used: what is inside it differs between the versions allowed."""

from pathlib import Path

from latentsweep.commands import main


def test_mistakes_are_caught_by_what_every_version_exports():
    """Typer has had Click's errors from Click, and then in a private part of itself."""
    assert main._ClickException.__name__ == "ClickException"
    source = Path(main.__file__).parents[1]
    users = [file for file in source.rglob("*.py") if "typer._" in file.read_text("utf-8")]
    assert users == []
