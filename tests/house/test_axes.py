"""Axis letters are global: each that a shape uses is listed in axes.py, and means one thing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from latentsweep.axes import AXES

SOURCE = Path(__file__).parents[2] / "src" / "latentsweep"
KINDS = {"Bool", "Complex", "Float", "Inexact", "Int", "Key", "Num", "Real", "Shaped", "UInt"}
# A letter of the list, perhaps one of several of its kind ("N2"); a star before it (any number of
# them, mostly none or one); a size; any size; or words for what only one function knows.
ALLOWED = re.compile(rf"\*?[{''.join(AXES)}]\d?|\d+|_|\*?[a-z][a-z_]*")


def shapes(code: str) -> Iterator[str]:
    """The shape strings of a file's jaxtyping annotations."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple):
            continue
        name = node.value.attr if isinstance(node.value, ast.Attribute) else node.value
        kind = name.id if isinstance(name, ast.Name) else name
        if kind in KINDS:
            shape = node.slice.elts[1]
            assert isinstance(shape, ast.Constant), ast.unparse(node)
            yield str(shape.value)


def strangers(code: str) -> list[str]:
    return [axis for shape in shapes(code) for axis in shape.split() if not ALLOWED.fullmatch(axis)]


def test_every_axis_is_listed():
    found = {path: strangers(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}
    assert {path: axes for path, axes in found.items() if axes} == {}


def test_every_letter_is_used():
    used = {
        axis.strip("*0123456789")
        for path in SOURCE.rglob("*.py")
        for shape in shapes(path.read_text("utf-8"))
        for axis in shape.split()
    }
    assert set(AXES) <= used


def test_letters_are_single_capitals_and_said_in_words():
    assert all(re.fullmatch("[A-Z]", letter) for letter in AXES)
    assert all(AXES.values())
    assert len(set(AXES.values())) == len(AXES)


@pytest.mark.parametrize("shape", ["B Q", "NN", "*Q", "K+1", "b D2x", "N 2K"])
def test_a_planted_stranger_is_found(shape):
    assert strangers(f'def f(x: Float[Array, "{shape}"]): ...')


@pytest.mark.parametrize("shape", ["", "B D", " K", "*M fan_in fan_out", "N 2", "N2 D", "*rows K"])
def test_what_is_allowed_is(shape):
    assert not strangers(f'def f(x: Float[Array, "{shape}"]): ...')
