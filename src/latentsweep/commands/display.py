"""What the terminal shows: the results as they come, a progress bar, and what to open next."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from types import TracebackType
from typing import Any, Self

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from latentsweep.commands.answers import paragraph, size_table
from latentsweep.commands.output import for_pictures, plain
from latentsweep.record.folder import RunFolder
from latentsweep.show.answers import Verdict, answers
from latentsweep.show.measures import data_sentences, missing, tables, text
from latentsweep.show.sentences import (
    Column,
    results_columns,
    results_rows,
    what_was_seen,
)
from latentsweep.show.words.alarms import alarms
from latentsweep.study import Study
from latentsweep.workflow.observer import Observer


class Terminal(Observer):
    """Shows a run's progress: live where the output is a terminal, else a line at a time."""

    def __init__(self) -> None:
        self.console = Console(file=for_pictures(), highlight=False, soft_wrap=True)
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
        )
        self.table: RenderableType = Text("")
        self.live = Live(console=self.console, get_renderable=self._picture, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.live.stop()

    def say(self, text: str) -> None:
        """Print a line above the live part."""
        self.console.print(plain(text), markup=False)

    def stage(self, name: str, total: int) -> None:
        """Start a bar in the place of the last."""
        for task in self.progress.task_ids:
            self.progress.update(task, visible=False)
        self.task = self.progress.add_task(name, total=total)
        if not self.console.is_terminal:
            self.say(f"{name} ...")

    def advance(self, done: float) -> None:
        """Move the bar."""
        self.progress.update(self.task, completed=done)

    def answer(self, recommendation: Mapping[str, Any]) -> None:
        """Show what a search knows so far: its table of sizes, under which the bar goes on."""
        lines = size_table(recommendation)
        if self.console.is_terminal:
            self.table = Text(plain("\n".join(lines)))
        else:
            for line in ["", *lines, ""]:
                self.say(line)

    def results(self, table: pd.DataFrame, newest: str) -> None:
        """Show the table so far; where there is no terminal, its newest row."""
        if self.console.is_terminal:
            self.table = Text(plain(results_text(table, {"data": {"image": True}})))
        else:
            last = table[table["member"] == newest].iloc[0]
            self.say(
                f"  {last['member']}: loss {last['loss']:.1f}, -ELBO {last['neg_elbo']:.1f}, "
                f"active {last['active_units']}/{last['latent_size']}"
            )

    def _picture(self) -> RenderableType:
        return Group(self.table, self.progress)


def results_text(results: pd.DataFrame, manifest: dict) -> str:
    """The table of results as text, in about 80 columns."""
    columns, rows = results_columns(results, manifest), results_rows(results)
    titles = [_two_lines(column.title) for column in columns]
    widths = [
        max(len(text) for text in (*title, *(row[i] for row in rows)))
        for i, title in enumerate(titles)
    ]
    lines = [_group_line(columns, widths, part) for part in range(2)]
    for cells in (*zip(*titles, strict=True), *rows):
        padded = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        lines.append("  ".join(padded))
    return "\n".join(line.rstrip() for line in lines if line.strip())


def closing_lines(folder: RunFolder) -> list[str]:
    """The results, what was seen in them, and what to open."""
    results, manifest = folder.results(), folder.manifest()
    raised = [f"Alarm: {sentence}" for sentence in alarms(folder)]
    seen = _wrapped([*what_was_seen(results, manifest), *raised])
    table = results_text(results, manifest)
    return ["", table, "", *seen, *answer_lines(folder), "", f"Open {folder.report_path}"]


def answer_lines(folder: RunFolder) -> list[str]:
    """The recommended size and the verdicts on the report's claims, as far as they are known."""
    found = answers(folder)
    if found is None:
        return []
    lines = ["", "How many dimensions", *_wrapped(found.recommended)]
    if found.verdicts or found.unjudged:
        lines += ["", "The report's claims", *_verdicts(found.verdicts), *_wrapped(found.unjudged)]
    if found.published:
        lines += ["", *paragraph(found.published_note), *_verdicts(found.published)]
    return lines


def _wrapped(sentences: Iterable[str]) -> list[str]:
    return [line for sentence in sentences for line in paragraph(sentence)]


def _verdicts(verdicts: Iterable[Verdict]) -> list[str]:
    """A claim and its sentences, one an objective."""
    lines = []
    for (part, says), each in groupby(verdicts, key=lambda verdict: (verdict.part, verdict.says)):
        lines += paragraph(f"{part}. {says}:")
        for verdict in each:
            words = f"{verdict.objective}: {verdict.verdict.upper()}. {verdict.sentence}"
            lines += paragraph(words, indent="  ")
    return lines


def group_lines(folder: RunFolder) -> list[str]:
    """Every group of numbers that the run has, and the commands that give more."""
    lines = []
    for table in tables(folder):
        lines += ["", table.title, *paragraph(table.words), "", *text(table)]
    lines += ["", *_wrapped(data_sentences(folder))]
    if titles := missing(folder):
        lines += ["", *paragraph(f"Not measured yet: {', '.join(titles)}. To measure it:")]
        lines.append(f"  latentsweep evaluate {folder.path}")
    return [*lines, "", "To play with its networks:", f"  latentsweep explore {folder.path}"]


def network_words(study: Study) -> str:
    """The networks of a study: their kind and the units of its dense layers."""
    units = ", ".join(str(size) for size in study.hidden_size)
    if study.network == "dense":
        return f"dense, {units} ReLU units each way"
    if study.network == "linear-decoder":
        return f"dense encoders of {units} ReLU units, linear decoders"
    return study.network + (f", {units} ReLU units between" if ":" not in study.network else "")


def duration(seconds: float) -> str:
    """Seconds in words, rounded as an estimate should be."""
    if seconds < 90:
        return f"about {max(10, round(seconds, -1)):.0f} s"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"


def _two_lines(title: str) -> tuple[str, str]:
    """A column's title over two lines: at its bracket if it has one, else all on the second."""
    first, bracket, rest = title.partition(" (")
    return (first, f"({rest}") if bracket else ("", title)


def _group_line(columns: tuple[Column, ...], widths: list[int], part: int) -> str:
    """The first or second line of each group's name, above its first column."""
    line = ""
    for index, column in enumerate(columns):
        start = sum(widths[:index]) + 2 * index
        if column.group and (index == 0 or columns[index - 1].group != column.group):
            line = f"{line.ljust(start)}{_two_lines(column.group)[part]}"
    return line
