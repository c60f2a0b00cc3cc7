"""What a task over a run folder is, and how long those of a stage took.

A task reads the folder and writes only its own files, complete or absent; doing it twice is
harmless. Whoever sees the folder can do one: all that it needs to know is its name.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple, Protocol

from latentsweep.errors import LatentsweepError
from latentsweep.record.folder import RunFolder

_ACCOUNTED = 5.0  # seconds, between two entries of a long task


class Task(NamedTuple):
    """A part of a stage: a pass to train, a member's block to measure, a page to draw."""

    stage: str
    name: str


class Stage(Protocol):
    """Performs the tasks of one kind on one run."""

    def prepare(self, names: Sequence[str]) -> None:
        """Make what the named tasks share in one process."""

    def perform(self, name: str, tick: Callable[[], None]) -> None:
        """Do a task, and call `tick` as it goes on."""


@contextmanager
def timed(run: RunFolder, stage: str) -> Iterator[Callable[[], None]]:
    """Add the wall seconds of a block to the manifest's account of a stage, whatever ends it.

    What is yielded does so for those until then, every few seconds: a process may be killed.
    """
    since = time.perf_counter()

    def account(least: float = 0.0) -> None:
        nonlocal since
        if (passed := time.perf_counter() - since) >= least:
            add_seconds(run, stage, passed)
            since += passed

    try:
        yield lambda: account(_ACCOUNTED)
    except BaseException:
        with suppress(OSError, LatentsweepError):  # what ended the block is what is told
            account()
        raise
    account()


def add_seconds(run: RunFolder, stage: str, passed: float) -> None:
    """Add wall seconds to the manifest's account of a stage."""
    manifest = run.manifest()
    seconds = {**manifest["seconds"], stage: manifest["seconds"].get(stage, 0.0) + passed}
    run.write_manifest({**manifest, "seconds": seconds})
