"""Files are nouns that say what is in them, and stay short."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAY_NOTHING = {"utils", "util", "helpers", "helper", "base", "common", "misc"}
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_no_file_has_a_name_that_says_nothing():
    paths = [p.relative_to(ROOT) for d in ("src", "tests", "docs") for p in (ROOT / d).rglob("*")]
    assert [p for p in paths if SAY_NOTHING & set(p.with_suffix("").parts)] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_definition_has_a_name_that_says_nothing(path):
    tree = ast.parse(path.read_text("utf-8"))
    named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names = {node.name.lower().strip("_") for node in ast.walk(tree) if isinstance(node, named)}
    assert not names & SAY_NOTHING


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_file_is_long(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_test_files_have_names_of_their_own():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(set(names)) == len(names)
