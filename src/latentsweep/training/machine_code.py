"""Machine code for a dense layer's update, written with LLVM for the processor at hand.

The handler that XLA calls walks over the weight tile by tile. A tile of the gradient, rows of the
weight by vectors of its columns, is summed over the batch in registers,

    g[i, o] = sum_b inputs[b, i] outputs[b, o],

and spent there: its weights and moments are read once and written once, while those of the next
tile are fetched. Tiles of one row, and of narrower vectors down to one lane, make up what is left
at the edges, so that one code serves all shapes.

References:
    Goto & van de Geijn (2008), Anatomy of High-Performance Matrix Multiplication, section 4.
    OpenXLA, xla/ffi/api/c_api.h, version 0.3 (the records by which a handler is called).
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from llvmlite import binding, ir

# Of llvmlite, whose own annotations say less than its functions do.
Module: TypeAlias = Any
Builder: TypeAlias = Any
Value: TypeAlias = Any

HANDLER = "latentsweep_dense_adam"
NUMBERS = 6  # rate, beta1, 1 - beta1, beta2, 1 - beta2, epsilon

_FLOAT, _INT, _POINTER = ir.FloatType(), ir.IntType(64), ir.PointerType()
_BYTE, _HALF = ir.IntType(8), ir.IntType(32)
_LINE = 16  # floats in a line of the cache


class Tile(NamedTuple):
    """How much of a gradient the registers hold: rows of vectors of lanes."""

    lanes: int
    rows: int
    vectors: int


# By what a processor must have, best first; 24 and 12 sums in 32 and 16 registers.
TILES = (
    (("avx512f",), Tile(lanes=16, rows=8, vectors=3)),
    (("avx2", "fma"), Tile(lanes=8, rows=4, vectors=3)),
)


def tile_here() -> Tile | None:
    """The tile for this processor, if it is of a kind for which there is one."""
    features = binding.get_host_cpu_features()
    return next((tile for needs, tile in TILES if all(map(features.get, needs))), None)


def compiled(tile: Tile) -> tuple[int, object]:
    """The address of the handler, and what must live as long as it is called."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    parsed = binding.parse_assembly(str(module(tile)))
    name, features = binding.get_host_cpu_name(), binding.get_host_cpu_features()
    target = binding.Target.from_default_triple()
    machine = target.create_target_machine(cpu=name, features=features.flatten(), opt=3)
    tuning = binding.create_pipeline_tuning_options(speed_level=2)
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(parsed, passes)
    engine = binding.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    return engine.get_function_address(HANDLER), engine


def module(tile: Tile) -> Module:
    """The LLVM module: the handler, and a function for each kind of tile."""
    made = ir.Module(HANDLER)
    made.triple = binding.get_process_triple()
    _handler(made, tile)
    return made


class _Record:
    """Byte offsets in the records of XLA's foreign-function interface, on a 64-bit machine."""

    FRAME_EXTENSION, FRAME_ARGUMENTS, FRAME_RESULTS = 8, 72, 112
    EXTENSION_TYPE, EXTENSION_METADATA, METADATA = 8, 24, 1
    METADATA_VERSION, VERSION_SIZE, VERSION_NUMBERS, METADATA_TRAITS = 8, 24, 16, 32
    BUFFER_DATA, BUFFER_SHAPE = 24, 40


_VERSION = (0, 3)  # of the interface; XLA refuses a handler that was made for one it can't serve


def _handler(made: Module, tile: Tile) -> None:
    """What XLA calls: it says for which version it was made, or updates; null is success."""
    handler = ir.Function(made, ir.FunctionType(_POINTER, [_POINTER]), HANDLER)
    (frame,) = handler.args
    build = ir.IRBuilder(handler.append_basic_block())
    null = ir.Constant(_POINTER, None)
    extension = _read(build, frame, _Record.FRAME_EXTENSION, _POINTER)
    with build.if_then(build.icmp_unsigned("!=", extension, null)):
        kind = _read(build, extension, _Record.EXTENSION_TYPE, _HALF)
        with build.if_then(build.icmp_unsigned("==", kind, _HALF(_Record.METADATA))):
            _say_version(build, extension)
            build.ret(null)
    _update(made, build, frame, tile)
    build.ret(null)


def _say_version(build: Builder, extension: Value) -> None:
    metadata = _read(build, extension, _Record.EXTENSION_METADATA, _POINTER)
    version = _Record.METADATA_VERSION
    build.store(_INT(_Record.VERSION_SIZE), _byte(build, metadata, version))
    for place, number in enumerate(_VERSION):
        there = version + _Record.VERSION_NUMBERS + 4 * place
        build.store(_HALF(number), _byte(build, metadata, there))
    build.store(_HALF(0), _byte(build, metadata, _Record.METADATA_TRAITS))


def _update(made: Module, build: Builder, frame: Value, tile: Tile) -> None:
    """All tiles of the weight, a row of them after the other: memory is passed over once."""
    given = _read(build, frame, _Record.FRAME_ARGUMENTS, _POINTER)
    taken = _read(build, frame, _Record.FRAME_RESULTS, _POINTER)
    inputs, outputs, numbers = (_read(build, given, 8 * place, _POINTER) for place in range(3))
    state = [_read(build, taken, 8 * place, _POINTER) for place in range(3)]
    (batch, fan_in), (_, fan_out) = _shape(build, inputs), _shape(build, outputs)
    x, y, numbers, *state = (
        _read(build, buffer, _Record.BUFFER_DATA, _POINTER)
        for buffer in (inputs, outputs, numbers, *state)
    )

    def row_of_tiles(rows: int, row: Value) -> None:
        column = _INT(0)
        for widths in _kinds_of_width(tile):
            with _stepping(build, column, sum(widths), fan_out) as column:
                there = build.add(build.mul(row, fan_out), column)
                places = [_at(build, x, row), _at(build, y, column), numbers]
                places += [_at(build, start, there) for start in state]
                kind = _tile_function(made, rows, widths)
                build.call(kind, [*places, batch, fan_in, fan_out])

    row = _INT(0)
    for rows in (tile.rows, 1):
        with _stepping(build, row, rows, fan_in) as row:
            row_of_tiles(rows, row)


def _kinds_of_width(tile: Tile) -> list[tuple[int, ...]]:
    """The vectors of a tile's row, widest first, down to one lane: any row is made up of these."""
    narrow = [(tile.lanes >> halvings,) for halvings in range(tile.lanes.bit_length())]
    return [(tile.lanes,) * tile.vectors, *narrow]


def _tile_function(made: Module, rows: int, widths: tuple[int, ...]) -> Value:
    """The function that updates one tile of this kind, made when it is first asked for."""
    name = f"tile_{rows}x{'_'.join(map(str, widths))}"
    if name in made.globals:
        return made.globals[name]
    arguments = [_POINTER] * 6 + [_INT] * 3
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
        example = build.phi(_INT)
        sums = [[build.phi(_vector(lanes)) for lanes in self.widths] for _ in range(self.rows)]
        x = _at(build, inputs, build.mul(example, fan_in))
        y = _at(build, outputs, build.mul(example, fan_out))
        added = self._added(sums, x, y)
        self._fetch_next(example)
        following = build.add(example, _INT(1))
        example.add_incoming(_INT(0), before)
        example.add_incoming(following, loop)
        for total, sum_after in zip(chain(*sums), chain(*added), strict=True):
            total.add_incoming(_zero(total.type), before)
            total.add_incoming(sum_after, loop)
        build.cbranch(build.icmp_signed("<", following, batch), loop, done)
        build.position_at_end(done)
        return added

    def _added(self, sums: list[list[Value]], x: Value, y: Value) -> list[list[Value]]:
        """The sums with one more example: x outputs of the layer before, y gradients."""
        build = self.build
        ys = [
            build.load(_at(build, y, _INT(column)), typ=_vector(lanes), align=4)
            for column, lanes in zip(self.columns, self.widths, strict=True)
        ]
        added = []
        for row, totals in enumerate(sums):
            number = build.load(_at(build, x, _INT(row)), typ=_FLOAT)
            added.append(
                [
                    self._call("fma", _spread(build, number, total.type), y, total)
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
        last = _INT(self.rows * lines - 1)
        line = build.select(build.icmp_signed("<", example, last), example, last)
        row, place = build.udiv(line, _INT(lines)), build.urem(line, _INT(lines))
        within = build.add(build.mul(place, _INT(_LINE)), _INT(sum(self.widths)))
        there = build.add(build.mul(row, fan_out), within)
        to_write, near, data = _HALF(1), _HALF(3), _HALF(1)
        kind = ir.FunctionType(ir.VoidType(), [_POINTER, _HALF, _HALF, _HALF])
        for start in state:
            fetch = _function(self.made, "llvm.prefetch.p0", kind)
            build.call(fetch, [_at(build, start, there), to_write, near, data])

    def spend(self, gradient: list[list[Value]]) -> None:
        """A step of Adam for the tile."""
        build = self.build
        _, _, numbers, *state, _, _, fan_out = build.function.args
        scalars = [build.load(_at(build, numbers, _INT(n)), typ=_FLOAT) for n in range(NUMBERS)]
        for row, vectors in enumerate(gradient):
            for column, vector in zip(self.columns, vectors, strict=True):
                there = build.add(build.mul(_INT(row), fan_out), _INT(column))
                places = [_at(build, start, there) for start in state]
                old = [build.load(place, typ=vector.type, align=4) for place in places]
                spread = [_spread(build, scalar, vector.type) for scalar in scalars]
                for value, place in zip(self._adam(vector, old, spread), places, strict=True):
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
            _function(self.made, f"llvm.{name}.{lanes}f32", kind), list(arguments)
        )


def _function(made: Module, name: str, kind: Value) -> Value:
    """A declared function, declared if it is not yet."""
    return made.globals.get(name) or ir.Function(made, kind, name)


def _vector(lanes: int) -> Value:
    return _FLOAT if lanes == 1 else ir.VectorType(_FLOAT, lanes)


def _zero(vector: Value) -> Value:
    lanes = isinstance(vector, ir.VectorType)
    return ir.Constant(vector, [0.0] * vector.count if lanes else 0.0)


def _spread(build: Builder, number: Value, vector: Value) -> Value:
    """A vector that holds a number in each of its lanes."""
    if not isinstance(vector, ir.VectorType):
        return number
    none = ir.Constant(vector, ir.Undefined)
    first = build.insert_element(none, number, _HALF(0))
    lanes = ir.Constant(ir.VectorType(_HALF, vector.count), [0] * vector.count)
    return build.shuffle_vector(first, none, lanes)


def _at(build: Builder, start: Value, floats: Value) -> Value:
    return build.gep(start, [floats], source_etype=_FLOAT)


def _byte(build: Builder, record: Value, offset: int) -> Value:
    return build.gep(record, [_INT(offset)], source_etype=_BYTE)


def _read(build: Builder, record: Value, offset: int, kind: Value) -> Value:
    """What a record holds at a byte offset."""
    return build.load(_byte(build, record, offset), typ=kind)


def _shape(build: Builder, buffer: Value) -> list[Value]:
    """Rows and columns of a matrix."""
    shape = _read(build, buffer, _Record.BUFFER_SHAPE, _POINTER)
    return [_read(build, shape, 8 * axis, _INT) for axis in range(2)]


@contextmanager
def _stepping(build: Builder, start: Value, step: int, end: Value) -> Iterator[Value]:
    """A loop's body over start, start + step, ... while a whole step fits before the end.

    Yields the counter, which after the loop is where it stopped.
    """
    before = build.block
    head, body, done = (build.function.append_basic_block() for _ in range(3))
    build.branch(head)
    build.position_at_end(head)
    counter = build.phi(_INT)
    counter.add_incoming(start, before)
    following = build.add(counter, _INT(step))
    build.cbranch(build.icmp_signed("<=", following, end), body, done)
    build.position_at_end(body)
    yield counter
    counter.add_incoming(following, build.block)
    build.branch(head)
    build.position_at_end(done)
