"""Mistakes planted in the code one at a time: is each caught by a test?

`draw` writes the list, a place and a mistake each, by a seed; cosmic-ray knows the mistakes. `run`
plants them in copies of the project, and runs the tests that reach the changed line, those of the
same name first, until one fails. Which tests these are is found once, in minutes, by running all of
them; to have it found anew, remove `.mutants`. It goes on where it was stopped. A mistake that no
test catches is either no mistake (the program is the same) or a hole in the tests.
"""

import argparse
import ast
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
LIST = ROOT / "tests" / "mutants.jsonl"
WORK = ROOT / ".mutants"  # the map of tests, the copies, and what was found so far
PACKAGES = ("model", "training", "answers", "evaluation", "record", "data")
SEED, DRAWN = 0, 300
SECONDS = 30.0  # of the tests that are tried on a mutant; twenty times as many with --thorough
# Mistakes that nobody makes, that any call betrays, or that cosmic-ray fails to make.
LEFT_OUT = (
    *("_FloorDiv", "_Mod", "_Pow", "_RShift", "_LShift", "_BitOr", "_BitAnd", "_BitXor"),
    *("_Is", "_IsNot", "_Is_Eq", "_IsNot_NotEq", "ExceptionReplacer", "RemoveDecorator"),
)
PRELOADED = ("jax", "pandas", "pyarrow", "scipy.stats", "sklearn.neighbors", "equinox", "pytest")


class Mutant(NamedTuple):
    """A line of a file, and what stands there instead."""

    file: str
    line: int
    before: str
    after: str

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}: {self.before.strip()} -> {self.after.strip()}"

    def now_at(self, code: str) -> "Mutant | None":
        """The mistake at its place in the file as it is now, None if the line is gone."""
        lines, old = code.splitlines(keepends=True), self.before.splitlines(keepends=True)
        places = [i + 1 for i in range(len(lines)) if lines[i : i + len(old)] == old]
        if not places:
            return None
        return self._replace(line=min(places, key=lambda line: abs(line - self.line)))

    def planted(self, code: str) -> str:
        """The file with the mistake."""
        lines, length = code.splitlines(keepends=True), self.before.count("\n")
        start = self.line - 1
        return "".join([*lines[:start], self.after, *lines[start + length :]])


# -- drawing


def meaning(code: str) -> str:
    """What a file does: its syntax tree without annotations and docstrings."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def places_of(path: Path) -> Iterator[tuple[Path, list[tuple[Any, int]]]]:
    """The places of a file where mistakes can be made: an operator and its occurrence for each."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    tree = get_ast(path.read_text("utf-8"))
    places: dict[tuple[int, int], list[tuple[Any, int]]] = {}
    for name in operator_names():
        if get_operator(name).arguments() or name.endswith(LEFT_OUT):
            continue
        operator = get_operator(name)()
        starts = [p for node in ast_nodes(tree) for p in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(starts):
            places.setdefault(start, []).append((operator, occurrence))
    yield from ((path, places[start]) for start in sorted(places))


def mutant_at(path: Path, operator: Any, occurrence: int) -> Mutant | None:
    """The mistake, None if it changes nothing but annotations or is no Python."""
    from cosmic_ray.mutating import mutate_code

    code = path.read_text("utf-8")
    mutated = mutate_code(code, operator, occurrence)
    if mutated is None or not _is_another(code, mutated):
        return None
    return _difference(path, code, mutated)


def _is_another(code: str, mutated: str) -> bool:
    try:
        return meaning(mutated) != meaning(code)
    except SyntaxError:
        return False


def _difference(path: Path, code: str, mutated: str) -> Mutant:
    old, new = code.splitlines(keepends=True), mutated.splitlines(keepends=True)
    first = next(i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    last = next(i for i, (a, b) in enumerate(zip(old[::-1], new[::-1], strict=False)) if a != b)
    last = min(last, len(old) - first - 1, len(new) - first - 1)
    before, after = old[first : len(old) - last], new[first : len(new) - last]
    return Mutant(str(path.relative_to(ROOT)), first + 1, "".join(before), "".join(after))


def draw() -> None:
    """Write the list: places drawn without replacement, and a mistake at each."""
    chance = random.Random(SEED)
    files = [f for p in PACKAGES for f in sorted((ROOT / "src/latentsweep" / p).rglob("*.py"))]
    places = [place for file in files for place in places_of(file)]
    drawn = (mutant_at(path, *chance.choice(kinds)) for path, kinds in _shuffled(chance, places))
    chosen = sorted(itertools.islice(filter(None, drawn), DRAWN))
    LIST.write_text("".join(json.dumps(mutant._asdict()) + "\n" for mutant in chosen))
    print(f"{len(places)} places; {DRAWN} mistakes drawn into {LIST.relative_to(ROOT)}")


def _shuffled(chance: random.Random, places: list) -> list:
    return chance.sample(places, len(places))


# -- which tests reach a line


def mapped() -> dict[str, float]:
    """What each test costs; and beside it in coverage's file, which lines it reaches."""
    path = WORK / "costs.json"
    if not path.exists():
        print("First, which test reaches which line: five minutes or so ...", flush=True)
        WORK.mkdir(exist_ok=True)
        measure = ("--cov=src/latentsweep", "--cov-context=test", "--cov-report=")
        line = [sys.executable, "-m", "pytest", "-q", "--no-header", *measure]
        subprocess.run(line, cwd=ROOT, env={**os.environ, **shared_files()}, check=False)
        costs = (ROOT / ".pytest_cache" / "v" / "dearest" / "costs").read_text()
        path.write_text(costs)
    return json.loads(path.read_text())


def shared_files() -> dict[str, str]:
    """Where coverage is written, and the compiled programs that all trials share."""
    programs = {"JAX_COMPILATION_CACHE_DIR": str(WORK / "programs")}
    return {"COVERAGE_FILE": str(WORK / "coverage"), **programs}


def reached(costs: dict[str, float], mutant: Mutant) -> list[str]:
    """The tests that reach a mutant's lines, by file: those of its name first, cheap ones first."""
    import coverage

    data = coverage.CoverageData(str(WORK / "coverage"))
    data.read()
    contexts = data.contexts_by_lineno(str(ROOT / mutant.file))
    lines = range(mutant.line, mutant.line + mutant.before.count("\n"))
    names = {c.partition("|")[0] for line in lines for c in contexts.get(line, [])} - {""}
    if not names:  # run when the file is imported: whatever uses the file, or has its name
        names = {c.partition("|")[0] for each in contexts.values() for c in each}
        names |= {name for name in costs if Path(mutant.file).stem in name.partition("::")[0]}
    files: dict[str, list[str]] = {}
    for name in sorted(names & costs.keys(), key=lambda name: (costs[name], name)):
        files.setdefault(name.partition("::")[0], []).append(name)

    def order(file: str) -> tuple[bool, float]:
        own = Path(mutant.file).stem in file
        return not own, sum(costs[name] for name in files[file])

    return [name for file in sorted(files, key=order) for name in files[file]]


def affordable(names: list[str], costs: dict[str, float], seconds: float) -> list[str]:
    """The first tests that take no more than so many seconds."""
    spent, kept = 0.0, []
    for name in names:
        spent += costs[name]
        if spent > seconds and kept:
            break
        kept.append(name)
    return kept


# -- running


def tried(tree: Path, names: list[str]) -> None:
    """Runs tests in a copy; the process ends with 0 if all passed."""
    os.setsid()
    os.chdir(tree)
    sys.path.insert(0, str(tree / "src"))
    os.environ["PYTHONPATH"] = str(tree / "src")
    os.environ.update(shared_files())
    with (tree / "output").open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    import pytest

    warned = "ignore::pytest.PytestAssertRewriteWarning"  # of what was loaded before
    options = ["-x", "-n0", "-m", "", "-p", "no:cacheprovider", "-W", warned]
    options.append(f"--basetemp={tree / 'tmp'}")
    code = 3
    try:
        code = int(pytest.main([*options, *names]))
    finally:
        sys.stdout.flush()
        os._exit(code)


def copied(number: int) -> Path:
    tree = WORK / f"copy{number}"
    shutil.rmtree(tree, ignore_errors=True)
    leave = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT, tree, ignore=leave, symlinks=True)
    return tree


class Trial(NamedTuple):
    mutant: Mutant
    tests: int
    process: Any
    tree: Path
    begun: float
    most: float


def run(minutes: float, *, thorough: bool) -> None:
    """Try the mutants that are left for so many minutes, and say what was found so far."""
    costs = mapped()
    wanted = [Mutant(**json.loads(line)) for line in LIST.read_text().splitlines()]
    found, path = _found(), WORK / "found.jsonl"
    shuffled = _shuffled(random.Random(SEED), wanted)  # so that a part of them is a fair sample
    left = [m for m in shuffled if _is_left(found.get(m.name), thorough)]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    free, busy, end = [copied(number) for number in range(2)], [], time.monotonic() + 60 * minutes
    while busy or (left and time.monotonic() < end):
        while free and left and time.monotonic() < end:
            mutant, tree = left.pop(0), free.pop()
            code = (ROOT / mutant.file).read_text("utf-8")
            here = mutant.now_at(code)
            names = reached(costs, here) if here else []
            names = affordable(names, costs, 20 * SECONDS if thorough else SECONDS)
            if here is None or not names:
                outcome = "survived" if here else "gone"
                _note(path, mutant, outcome, thorough, 0, 0.0, "")
                free.append(tree)
                continue
            (tree / mutant.file).write_text(here.planted(code), "utf-8")
            process = context.Process(target=tried, args=(tree, names))
            process.start()
            most = 60 + 5 * sum(costs[name] for name in names)
            busy.append(Trial(mutant, len(names), process, tree, time.monotonic(), most))
        for trial in busy[:]:
            trial.process.join(0.05)
            seconds = time.monotonic() - trial.begun
            if trial.process.is_alive() and seconds < trial.most:
                continue
            if trial.process.is_alive():
                os.killpg(trial.process.pid, signal.SIGKILL)
                trial.process.join()
            said = (trial.tree / "output").read_text("utf-8", "replace")
            assert trial.process.exitcode not in (3, 4, 5), said  # no test was run
            outcome = "survived" if trial.process.exitcode == 0 else "caught"
            _note(path, trial.mutant, outcome, thorough, trial.tests, seconds, _caught_by(said))
            shutil.copy(ROOT / trial.mutant.file, trial.tree / trial.mutant.file)
            busy.remove(trial)
            free.append(trial.tree)
    _summary(wanted, thorough=thorough)


def _found() -> dict[str, dict]:
    path = WORK / "found.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return {each["name"]: each for each in map(json.loads, lines)}


def _is_left(found: dict | None, thorough: bool) -> bool:
    return found is None or (thorough and found["outcome"] == "survived" and not found["thorough"])


def _caught_by(said: str) -> str:
    """The test that failed, of pytest's output."""
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.M)
    return found.group(1) if found else ""


def _note(
    path: Path, mutant: Mutant, outcome: str, thorough: bool, tests: int, seconds: float, by: str
) -> None:
    told = {"name": mutant.name, "outcome": outcome, "thorough": thorough, "tests": tests, "by": by}
    with path.open("a") as file:
        file.write(json.dumps({**told, "seconds": round(seconds, 1)}) + "\n")
    print(f"{outcome:9} {seconds:5.1f} s  {mutant.name}", flush=True)


def _summary(wanted: list[Mutant], *, thorough: bool) -> None:
    found = _found()
    outcomes = [found[m.name]["outcome"] for m in wanted if m.name in found]
    for mutant in wanted:
        if found.get(mutant.name, {}).get("outcome") == "survived":
            print(f"survives: {mutant.name}")
    left = sum(_is_left(found.get(m.name), thorough) for m in wanted)
    print(
        f"{len(outcomes)} of {len(wanted)} tried: {outcomes.count('caught')} caught, "
        f"{outcomes.count('survived')} survived, {outcomes.count('gone')} gone; {left} left"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["draw", "run"])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--thorough", action="store_true", help="survivors, by every test")
    asked = parser.parse_args()
    draw() if asked.action == "draw" else run(asked.minutes, thorough=asked.thorough)


if __name__ == "__main__":
    main()
