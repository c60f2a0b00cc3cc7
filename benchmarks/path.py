"""Which of our files one study crosses, from the command to its first trained and measured member.

    python benchmarks/path.py [STUDY] [--set KEY=VALUE ...]

On the way stand the files of the calls that lead to a member's first epoch, and to its measurement:
what a reader steps through to get there. Beside these are counted all that are touched. A file
counts once a function of it is called in the main thread (what an import runs is not); a
change of file is a call that leaves its file, counted once for each pair of functions. Files whose
functions run only while JAX traces a program, or below one that does, are listed apart.
"""

import collections
import contextlib
import io
import sys
import tempfile
from pathlib import Path

import latentsweep
from latentsweep.commands.main import main

ROOT = Path(latentsweep.__file__).parent
MEASURED = "results"  # what an observer hears once a member is measured
ENDS = ("training/programs.py", "epoch"), ("evaluation/evaluate.py", "measured")
TRACED = "model", "training/steps.py", "training/factored.py", "training/cpu_kernel"


class _Measured(Exception):  # noqa: N818
    """The first member is measured."""


def crossed(command: list[str]) -> tuple[list[str], list[str], int]:
    """Our files on the way, all in the order in which a command comes to them, changes of file."""
    files: dict[str, None] = {}
    way: dict[str, None] = {}
    edges: collections.Counter[tuple[object, object]] = collections.Counter()

    def own(frame) -> str | None:
        path = Path(frame.f_code.co_filename)
        return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else None

    def above(frame):
        """Our frames above one, the nearest first."""
        while (frame := frame.f_back) is not None:
            if own(frame) is not None:
                yield frame

    def heard(frame, event, _):
        if event != "call" or (file := own(frame)) is None:
            return
        callers = list(above(frame))
        if any(each.f_code.co_name == "<module>" for each in [frame, *callers]):
            return  # of an import
        files.setdefault(file)
        if (file, frame.f_code.co_name) in ENDS:
            way.update(dict.fromkeys([*[str(own(each)) for each in callers[::-1]], file]))
        if callers and own(callers[0]) != file:
            edges[(callers[0].f_code, frame.f_code)] += 1
        if frame.f_code.co_name == MEASURED and file == "commands/display.py":
            sys.setprofile(None)
            raise _Measured

    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(_Measured):
        sys.setprofile(heard)
        try:
            main(command)
        finally:
            sys.setprofile(None)
    return list(way), list(files), len(edges)


def told(way: list[str], files: list[str], changes: int) -> str:
    """The figures, and the files."""
    inside = [file for file in files if file.startswith(TRACED)]
    before = [file for file in files if file.startswith("commands")]
    outside = [file for file in files if file not in inside and file not in before]
    return "\n".join(
        [
            f"{len(way)} files on the way: {', '.join(way)}",
            f"{len(files)} files, {changes} changes of file; {len(before)} of commands, "
            f"{len(inside)} of networks and their step, {len(outside)} others",
            *(f"  {name}: {', '.join(each)}" for name, each in _named(before, inside, outside)),
        ]
    )


def _named(*groups: list[str]) -> list[tuple[str, list[str]]]:
    return list(zip(("commands", "networks", "others"), groups, strict=True))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        words = sys.argv[1:] or ["digits"]
        print(told(*crossed(["run", *words, "-o", f"{folder}/run"])))
