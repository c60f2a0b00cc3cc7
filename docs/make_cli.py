"""Writes docs/cli.md from the commands' own help: `python docs/make_cli.py`."""

from pathlib import Path

import typer

from latentsweep.commands.main import app

PAGE = Path(__file__).with_name("cli.md")
OPENING = """\
# The command line

Every command ends by naming what to open next. Exit code 0 on success; 2, with one line on standard
error, for a mistake that can be mended; 130 when interrupted.

<!-- Made from `--help` by docs/make_cli.py; a test compares the two. -->
"""
WIDTH = 88


def page() -> str:
    """The page: the help of every command, as it stands in the code."""
    group = typer.main.get_command(app)
    commands = group.commands  # pyright: ignore[reportAttributeAccessIssue]
    sections = [_section("latentsweep", group)]
    sections += [_section(f"latentsweep {name}", command) for name, command in commands.items()]
    return "\n".join([OPENING, *sections])


def _section(words: str, command) -> str:
    context = command.context_class(
        command, info_name=words, terminal_width=WIDTH, max_content_width=WIDTH
    )
    return f"## {words}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
