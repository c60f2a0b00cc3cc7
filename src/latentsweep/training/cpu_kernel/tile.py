"""Machine code for one tile: its gradient summed in registers, and spent there by Adam.

A tile is some rows of a weight by some vectors of its columns,

    g[i, o] = sum_b inputs[b, i] outputs[b, o],

whose weights and moments are read once and written once, while those of the next tile are fetched.

References:
    Goto & van de Geijn (2008), Anatomy of High-Performance Matrix Multiplication, section 4.
"""

import dataclasses
from itertools import chain
from typing import NamedTuple

from llvmlite import ir

from latentsweep.training.cpu_kernel.instructions import (
    FLOAT,
    HALF,
    INT,
    POINTER,
    Builder,
    Module,
    Value,
    at,
    function_named,
    spread,
    vector_of,
    zero_of,
)

NUMBERS = 6  # rate, beta1, 1 - beta1, beta2, 1 - beta2, epsilon
_LINE = 16  # floats in a line of the cache


class Tile(NamedTuple):
    """How much of a gradient the registers hold: rows of vectors of lanes."""

    lanes: int
    rows: int
    vectors: int


def kinds_of_width(tile: Tile) -> list[tuple[int, ...]]:
    """The vectors of a tile's row, widest first, down to one lane: any row is made up of these."""
    narrow = [(tile.lanes >> halvings,) for halvings in range(tile.lanes.bit_length())]
    return [(tile.lanes,) * tile.vectors, *narrow]


def tile_function(made: Module, rows: int, widths: tuple[int, ...]) -> Value:
    """The function that updates one tile of this kind, made when it is first asked for."""
    name = f"tile_{rows}x{'_'.join(map(str, widths))}"
    if name in made.globals:
        return made.globals[name]
    arguments = [POINTER] * 6 + [INT] * 3
    function = ir.Function(made, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    for argument in function.args[:6]:
        argument.add_attribute("noalias")
    writer = _TileWriter(made, ir.IRBuilder(function.append_basic_block()), rows, widths)
    writer.spend(writer.gradient())
    writer.build.ret_void()
    return function


@dataclasses.dataclass(frozen=True)
class _TileWriter:
    """Writes the body of a tile's function."""

    made: Module
    build: Builder
    rows: int
    widths: tuple[int, ...]

    @property
    def columns(self) -> list[int]:
        """Where each vector of a row begins."""
        return [sum(self.widths[:place]) for place in range(len(self.widths))]

    def gradient(self) -> list[list[Value]]:
        """The sums over the batch, a list of vectors for each row."""
        build = self.build
        inputs, outputs, *_, batch, fan_in, fan_out = build.function.args
        before = build.block
        loop, done = (build.function.append_basic_block() for _ in range(2))
        build.branch(loop)
        build.position_at_end(loop)
        example = build.phi(INT)
        sums = [[build.phi(vector_of(lanes)) for lanes in self.widths] for _ in range(self.rows)]
        x = at(build, inputs, build.mul(example, fan_in))
        y = at(build, outputs, build.mul(example, fan_out))
        added = self._added(sums, x, y)
        self._fetch_next(example)
        following = build.add(example, INT(1))
        example.add_incoming(INT(0), before)
        example.add_incoming(following, loop)
        for total, sum_after in zip(chain(*sums), chain(*added), strict=True):
            total.add_incoming(zero_of(total.type), before)
            total.add_incoming(sum_after, loop)
        build.cbranch(build.icmp_signed("<", following, batch), loop, done)
        build.position_at_end(done)
        return added

    def _added(self, sums: list[list[Value]], x: Value, y: Value) -> list[list[Value]]:
        """The sums with one more example: x outputs of the layer before, y gradients."""
        build = self.build
        ys = [
            build.load(at(build, y, INT(column)), typ=vector_of(lanes), align=4)
            for column, lanes in zip(self.columns, self.widths, strict=True)
        ]
        added = []
        for row, totals in enumerate(sums):
            number = build.load(at(build, x, INT(row)), typ=FLOAT)
            added.append(
                [
                    self._call("fma", spread(build, number, total.type), y, total)
                    for y, total in zip(ys, totals, strict=True)
                ]
            )
        return added

    def _fetch_next(self, example: Value) -> None:
        """Begin to bring one line of the next tile's weights and moments into the nearest cache.

        Done once an example: as many examples as a tile has lines bring all of it.
        """
        build = self.build
        *state, _, _, fan_out = build.function.args[3:]
        lines = sum(self.widths) // _LINE
        if not lines:
            return
        last = INT(self.rows * lines - 1)
        line = build.select(build.icmp_signed("<", example, last), example, last)
        row, place = build.udiv(line, INT(lines)), build.urem(line, INT(lines))
        within = build.add(build.mul(place, INT(_LINE)), INT(sum(self.widths)))
        there = build.add(build.mul(row, fan_out), within)
        to_write, near, data = HALF(1), HALF(3), HALF(1)
        kind = ir.FunctionType(ir.VoidType(), [POINTER, HALF, HALF, HALF])
        for start in state:
            fetch = function_named(self.made, "llvm.prefetch.p0", kind)
            build.call(fetch, [at(build, start, there), to_write, near, data])

    def spend(self, gradient: list[list[Value]]) -> None:
        """A step of Adam for the tile."""
        build = self.build
        _, _, numbers, *state, _, _, fan_out = build.function.args
        scalars = [build.load(at(build, numbers, INT(n)), typ=FLOAT) for n in range(NUMBERS)]
        for row, vectors in enumerate(gradient):
            for column, vector in zip(self.columns, vectors, strict=True):
                there = build.add(build.mul(INT(row), fan_out), INT(column))
                places = [at(build, start, there) for start in state]
                old = [build.load(place, typ=vector.type, align=4) for place in places]
                wide = [spread(build, scalar, vector.type) for scalar in scalars]
                for value, place in zip(self._adam(vector, old, wide), places, strict=True):
                    build.store(value, place, align=4)

    def _adam(
        self, gradient: Value, old: list[Value], numbers: list[Value]
    ) -> tuple[Value, Value, Value]:
        """Weights, means and mean squares after the step."""
        build = self.build
        (weight, mean, square), (rate, beta1, rest1, beta2, rest2, epsilon) = old, numbers
        mean = self._call("fma", beta1, mean, build.fmul(rest1, gradient))
        square = self._call("fma", beta2, square, build.fmul(rest2, build.fmul(gradient, gradient)))
        root = self._call("sqrt", square)
        step = build.fdiv(build.fmul(rate, mean), build.fadd(root, epsilon))
        return build.fsub(weight, step), mean, square

    def _call(self, name: str, *arguments: Value) -> Value:
        """LLVM's own function of this name, of vectors of one kind."""
        vector = arguments[0].type
        lanes = f"v{vector.count}" if isinstance(vector, ir.VectorType) else ""
        kind = ir.FunctionType(vector, [vector] * len(arguments))
        return self.build.call(
            function_named(self.made, f"llvm.{name}.{lanes}f32", kind), list(arguments)
        )
