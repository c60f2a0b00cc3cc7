"""The few things that machine code is written with, in LLVM's language."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from llvmlite import ir

# Of llvmlite, whose own annotations say less than its functions do.
Module: TypeAlias = Any
Builder: TypeAlias = Any
Value: TypeAlias = Any

FLOAT, INT, POINTER = ir.FloatType(), ir.IntType(64), ir.PointerType()
BYTE, HALF = ir.IntType(8), ir.IntType(32)


def function_named(made: Module, name: str, kind: Value) -> Value:
    """A declared function, declared if it is not yet."""
    return made.globals.get(name) or ir.Function(made, kind, name)


def vector_of(lanes: int) -> Value:
    """The type of so many floats."""
    return FLOAT if lanes == 1 else ir.VectorType(FLOAT, lanes)


def zero_of(vector: Value) -> Value:
    """The zero of a type of floats."""
    lanes = isinstance(vector, ir.VectorType)
    return ir.Constant(vector, [0.0] * vector.count if lanes else 0.0)


def spread(build: Builder, number: Value, vector: Value) -> Value:
    """A vector that holds a number in each of its lanes."""
    if not isinstance(vector, ir.VectorType):
        return number
    none = ir.Constant(vector, ir.Undefined)
    first = build.insert_element(none, number, HALF(0))
    lanes = ir.Constant(ir.VectorType(HALF, vector.count), [0] * vector.count)
    return build.shuffle_vector(first, none, lanes)


def at(build: Builder, start: Value, floats: Value) -> Value:
    """The place so many floats after another."""
    return build.gep(start, [floats], source_etype=FLOAT)


def word(build: Builder, record: Value, place: int) -> Value:
    """The place of a record's word of 64 bits."""
    return byte(build, record, 8 * place)


def byte(build: Builder, record: Value, offset: int) -> Value:
    """The place so many bytes into a record."""
    return build.gep(record, [INT(offset)], source_etype=BYTE)


def read(build: Builder, record: Value, offset: int, kind: Value) -> Value:
    """What a record holds at a byte offset."""
    return build.load(byte(build, record, offset), typ=kind)


@contextmanager
def stepping(build: Builder, start: Value, step: int, end: Value) -> Iterator[Value]:
    """A loop's body over start, start + step, ... while a whole step fits before the end.

    Yields the counter, which after the loop is where it stopped.
    """
    before = build.block
    head, body, done = (build.function.append_basic_block() for _ in range(3))
    build.branch(head)
    build.position_at_end(head)
    counter = build.phi(INT)
    counter.add_incoming(start, before)
    following = build.add(counter, INT(step))
    build.cbranch(build.icmp_signed("<=", following, end), body, done)
    build.position_at_end(body)
    yield counter
    counter.add_incoming(following, build.block)
    build.branch(head)
    build.position_at_end(done)
