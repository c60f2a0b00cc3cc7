"""Files are nouns that say what is in them, and stay short."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAY_NOTHING = {"utils", "util", "helpers", "helper", "base", "common", "misc"}
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_no_file_has_a_name_that_says_nothing():
    paths = [p.relative_to(ROOT) for d in ("src", "tests", "docs") for p in (ROOT / d).rglob("*")]
    assert [p for p in paths if SAY_NOTHING & set(p.with_suffix("").parts)] == []


def test_no_definition_has_a_name_that_says_nothing():
    named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for path in SOURCES:
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        names = {node.name.lower().strip("_") for node in nodes if isinstance(node, named)}
        assert not names & SAY_NOTHING, path


def test_no_file_is_long():
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert len(lengths) > 100
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_test_files_have_names_of_their_own():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(set(names)) == len(names)
