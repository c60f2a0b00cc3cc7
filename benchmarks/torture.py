"""A tiny run is killed, looked at half written, damaged, and led astray by names and links.

    python benchmarks/torture.py [--seconds 300] [--seed 0]

Whatever happens to it, a command ends with what it is for or with one line that says what is wrong,
the same command goes on from where a run was, and no number of a finished run is another. What is
tried is drawn at random, as much as the time allows; the table says how much of it that was.
"""

import argparse
import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

STUDY = "run digits --latents 2,3 --epochs 2 --set hidden_size=8 --set projected_examples=60 -o"
COMMANDS = {
    "summary": "summary run",
    "report": "report run",
    "explore": "explore run --no-open",
    "export": "export run --latent 2 --to onnx",
    "codes": "export run --latent 2 --to parquet",
    "evaluate": "evaluate run --metrics basic",
    "recommend": "recommend run",
    "run": f"{STUDY} run",
}
LONGEST = 300  # characters of a line that says what is wrong
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)
_KEPT = "members/*/*.safetensors", "members/*/history.parquet"
_LEFT = re.compile(r"partial|\.tmp$|(^|/)tmp|/[ab]\.safetensors$")
Case = Callable[[], str]  # does one thing; what went wrong, or nothing


def quickly() -> None:
    """Pictures are laid out, but not drawn; t-SNE takes few steps; each epoch has a checkpoint."""
    from latentsweep.evaluation import projection
    from latentsweep.show import style
    from latentsweep.training import checkpoint

    style.saved = lambda _figure, kind, _name: _PIXEL if kind == "png" else b"<svg/>"
    projection.TSNE = partial(projection.TSNE, early_exaggeration_iter=20, n_iter=20)
    checkpoint._TIMES_AS_LONG = 0


def ended(words: str, folder: Path) -> tuple[int, str, str]:
    """A command's exit code in a folder, or -1; what it says is wrong; and what of that is odd."""
    from latentsweep.commands.main import main

    out, errors = io.StringIO(), io.StringIO()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = main(words.split())
    except BaseException as error:  # the traceback of a command
        return -1, "", f"traceback: {type(error).__name__}: {str(error)[:80]}"
    finally:
        os.chdir(before)
    lines = [line for line in errors.getvalue().splitlines() if "warning:" not in line]
    odd = code not in (0, 2) or (code == 2 and (len(lines) != 1 or len(lines[0]) > LONGEST))
    return code, errors.getvalue(), f"message: exit {code}, {errors.getvalue()[:80]}" if odd else ""


def changed(one: Path, other: Path) -> str:
    """What of the numbers of a finished run is otherwise in another, or left over in it."""
    for pattern in _KEPT:
        for file in one.glob(pattern):
            there = other / file.relative_to(one)
            if not there.exists() or file.read_bytes() != there.read_bytes():
                return f"changed: {file.relative_to(one)}"
    for name in ("results.parquet", "projections.parquet"):
        if not _same_table(one / name, other / name):
            return f"changed: {name}"
    for name in ("answers.json", "alarms.json"):
        if _timeless(one / name) != _timeless(other / name):
            return f"changed: {name}"
    files = (str(file.relative_to(other)) for file in other.rglob("*"))
    return next((f"left over: {name}" for name in files if _LEFT.search(name)), "")


def _same_table(one: Path, other: Path) -> bool:
    if not other.exists():
        return False
    before, after = (
        pd.read_parquet(path).drop(columns="train_seconds", errors="ignore")
        for path in (one, other)
    )
    try:
        pd.testing.assert_frame_equal(before, after, rtol=1e-6)
    except AssertionError:
        return False
    return True


def _timeless(path: Path) -> str:
    """A JSON file without what the clock said."""
    if not path.exists():
        return ""
    text = json.dumps(json.loads(path.read_text("utf-8")), sort_keys=True)
    return re.sub(r'\d+(\.\d+)? (s|min|h)\b|"[a-z_]*seconds[a-z_]*": [^,}]*', "T", text)


class Tiny(NamedTuple):
    """A folder to work in, the finished run in it, and how long that took."""

    work: Path
    whole: Path
    seconds: float


def made(work: Path) -> Tiny:
    """A finished run, and in `states` the folder as it stood before each change of a file in it."""
    taken = iter(range(10_000))
    folder, busy = work / "whole", [False]

    def before(event: str, arguments: tuple) -> None:
        if (
            event not in ("os.rename", "os.remove")
            or busy[0]
            or not str(arguments[0]).startswith(str(folder))
        ):
            return
        name = Path(os.fsdecode(arguments[1 if event == "os.rename" else 0])).name
        if name.endswith((".png", ".svg")) and "headline" not in name:
            return  # one stands for all
        busy[0] = True
        shutil.copytree(folder, work / "states" / f"{next(taken):03d}-{name}")
        busy[0] = False

    sys.addaudithook(before)
    begun = time.monotonic()
    code, text, _ = ended(f"{STUDY} {folder}", work)
    busy[0] = True
    assert code == 0, text
    return Tiny(work, folder, time.monotonic() - begun)


def killed(tiny: Tiny, rng: random.Random) -> Iterator[tuple[str, Case]]:
    """The run from nothing, killed at a random moment, and then gone on with."""

    def case(moment: float) -> str:
        folder = tiny.work / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        words = [sys.executable, __file__, "--child", *STUDY.split(), str(folder)]
        for limit in (moment, 600.0):
            begun = subprocess.Popen(
                words, cwd=tiny.work, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
            )
            try:
                _, errors = begun.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                begun.send_signal(signal.SIGKILL)
                begun.communicate()
                continue
            if begun.returncode:
                return f"{'traceback' if 'Traceback' in errors else 'message'}: {errors[-100:]}"
        return changed(tiny.whole, folder)

    for _ in range(20):
        yield "run", partial(case, rng.uniform(1, tiny.seconds))


def gone_on(tiny: Tiny, _: random.Random) -> Iterator[tuple[str, Case]]:
    """The same command on the folder as it stood before each change of a file."""

    def case(state: Path) -> str:
        folder = tiny.work / "again"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(state, folder)
        code, text, odd = ended(f"{STUDY} {folder}", tiny.work)
        return odd or (f"message: {text[:100]}" if code else changed(tiny.whole, folder))

    for state in (tiny.work / "states").iterdir():
        yield f"run before {state.name}", partial(case, state)


def unfinished(tiny: Tiny, _: random.Random) -> Iterator[tuple[str, Case]]:
    """Every command but `run` on each such folder."""

    def case(state: Path, words: str) -> str:
        place = _copied(tiny.work, state)
        return ended(words, place)[2]

    for state in (tiny.work / "states").iterdir():
        for name, words in COMMANDS.items():
            if name != "run":
                yield f"{name} before {state.name}", partial(case, state, words)


def damaged(tiny: Tiny, rng: random.Random) -> Iterator[tuple[str, Case]]:
    """Every command on the finished run, one of its files not being as it was."""

    def case(file: str, harm: Callable[[Path], object], name: str) -> str:
        place = _copied(tiny.work, tiny.whole)
        harm(place / "run" / file)
        code, _, odd = ended(COMMANDS[name], place)
        measured = name == "evaluate" and code == 0 and file != "results.parquet"
        same = not measured or _same_table(
            tiny.whole / "results.parquet", place / "run/results.parquet"
        )
        return odd or ("" if same else "changed: results.parquet")

    files = {
        path.name: str(path.relative_to(tiny.whole))
        for path in tiny.whole.rglob("*")
        if path.is_file()
    }
    kinds = [file for name, file in files.items() if not name.endswith((".png", ".svg", ".lock"))]
    for file in kinds:
        for way, harm in _harms(rng).items():
            for name in COMMANDS:
                yield f"{name}, {file} {way}", partial(case, file, harm, name)


def _harms(rng: random.Random) -> dict[str, Callable[[Path], object]]:
    """Ways of damaging a file."""

    def cut(path: Path) -> None:
        os.truncate(path, rng.randrange(path.stat().st_size))

    def flipped(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)

    def folder(path: Path) -> None:
        path.unlink()
        path.mkdir()

    def linked(path: Path) -> None:
        path.unlink()
        path.symlink_to("nowhere")

    return {
        "cut": cut,
        "with a bit flipped": flipped,
        "empty": lambda path: path.write_bytes(b""),
        "a list": lambda path: path.write_text("[1, [2]]"),
        "null": lambda path: path.write_text("null"),
        "garbage": lambda path: path.write_bytes(rng.randbytes(500)),
        "gone": Path.unlink,
        "a folder": folder,
        "a link to nothing": linked,
    }


def astray(tiny: Tiny, _: random.Random) -> Iterator[tuple[str, Case]]:
    """Links out of the run and names that lead out of it: nothing outside is written or removed."""
    names = "report", "explorer", "results", "manifest", "answers", "alarms", "study"

    def case(prepare: Callable[[Path, Path], object], name: str) -> str:
        place = _copied(tiny.work, tiny.whole)
        outside = place / "outside"
        (outside / "m").mkdir(parents=True)
        (outside / "letter.txt").write_text("mine")
        prepare(place / "run", outside)
        *_, odd = ended(COMMANDS[name], place)
        there = sorted(str(file.relative_to(outside)) for file in outside.rglob("*"))
        kept = there == ["letter.txt", "m"] and (outside / "letter.txt").read_text() == "mine"
        return ("" if kept else "escaped: something outside was written") or odd

    def partials(run: Path, outside: Path) -> None:
        for name in names:
            for suffix in ("html", "json", "parquet", "toml"):
                (run / f".{name}.partial.{suffix}").symlink_to(outside / "letter.txt")

    def folders(run: Path, outside: Path, which: str) -> None:
        shutil.rmtree(run / which, ignore_errors=True)
        (run / which).symlink_to(outside, target_is_directory=True)

    def member(run: Path, _: Path) -> None:
        for file in ("manifest.json", "passes/p00/plan.json"):
            text = (run / file).read_text("utf-8")
            (run / file).write_text(text.replace("elbo-k02-s0", "../../outside/m"), "utf-8")

    ways: dict[str, Callable[[Path, Path], object]] = {"temporary names linked": partials}
    for which in ("figures", "export", "members", "passes"):
        ways[f"{which} linked"] = partial(folders, which=which)
    ways["a member's name"] = member
    for way, prepare in ways.items():
        for name in COMMANDS:
            yield f"{name}, {way}", partial(case, prepare, name)


def _copied(work: Path, run: Path) -> Path:
    """An empty folder with a copy of a run in it."""
    place = work / "place"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(run, place / "run")
    return place


PARTS = {
    "killed at random moments": (killed, 0.25),
    "gone on with after each file": (gone_on, 0.25),
    "commands on unfinished runs": (unfinished, 0.15),
    "commands on damaged runs": (damaged, 0.25),
    "names and links": (astray, 0.1),
}
FAULTS = "traceback", "message", "changed", "left over", "escaped"


def main() -> int:
    """Try as much as there is time for; 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = parser.parse_args()
    quickly()
    if given.child:
        from latentsweep.commands.main import main as command

        return command(given.child)
    ends = time.monotonic() + given.seconds
    rows, faults = [], []
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        work = Path(folder).resolve()
        tiny, rng = made(work), random.Random(given.seed)
        left, share = max(ends - time.monotonic(), 0), 0.0
        for part, (cases, its) in PARTS.items():
            share += its
            every = list(cases(tiny, rng))
            rng.shuffle(every)
            found, until = Counter(), ends - left * (1 - share)
            for number, (what, case) in enumerate(every):
                if number and time.monotonic() > until:
                    break
                fault = case()
                found["tried"] += 1
                if fault:
                    found[fault.partition(":")[0]] += 1
                    faults.append(f"{what}: {' '.join(fault.split())}")
            rows.append([part, found["tried"], len(every), *(found[kind] for kind in FAULTS)])
    columns = ["", "tried", "of", *FAULTS]
    for row in (columns, ["---"] * len(columns), *rows):
        print(f"| {' | '.join(map(str, row))} |")
    print("\n".join(["", *faults] if faults else []))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
