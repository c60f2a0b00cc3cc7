"""Machine code that XLA calls to update a dense layer: who takes which tiles, until all are done.

The handler walks over the weight tile by tile, with as many helpers from XLA's pool of threads as
it is asked to have. Tiles of one row, and of narrower vectors down to one lane, make up what is
left at the edges, so that one code serves all shapes. A gradient's sum is the same whoever forms it
in whatever tile: helpers change no bit.

References:
    OpenXLA, xla/ffi/api/c_api.h, versions 0.3 to 0.5 (the records by which a handler is called).
"""

from functools import partial

from llvmlite import binding, ir

from latentsweep.training.cpu_kernel.instructions import (
    BYTE,
    HALF,
    INT,
    POINTER,
    Builder,
    Module,
    Value,
    at,
    byte,
    function_named,
    read,
    stepping,
    word,
)
from latentsweep.training.cpu_kernel.tile import Tile, kinds_of_width, tile_function

HANDLER = "latentsweep_dense_adam"
_TILES_A_PART = 2  # rows of tiles that a thread takes at a time

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

    FRAME_EXTENSION, FRAME_API, FRAME_CONTEXT = 8, 16, 24
    FRAME_ARGUMENTS, FRAME_RESULTS = 72, 112
    API_SCHEDULE = 136
    EXTENSION_TYPE, EXTENSION_METADATA, METADATA = 8, 24, 1
    METADATA_VERSION, VERSION_SIZE, VERSION_NUMBERS, METADATA_TRAITS = 8, 24, 16, 32
    BUFFER_TYPE, BUFFER_DATA, BUFFER_RANK, BUFFER_SHAPE = 16, 24, 32, 40
    API_ERROR, ERROR_SIZE, INVALID_ARGUMENT = 48, 28, 3


# Types (XLA_FFI_DataType) and ranks: the factors, numbers, `read`, helpers, and the state.
_INT32, _FLOAT32 = 4, 11
_STATE = [(_FLOAT32, 2)] * 3
_ARGUMENTS = [(_FLOAT32, 2)] * 2 + [(_FLOAT32, 1)] * 2 + [(_INT32, 0), *_STATE]
_EXPECTED = "latentsweep's kernel: expected float32 factors [B, I], [B, O] and state [I, O]"
_VERSION = (0, 3)  # the oldest that serves; XLA refuses a handler for one that it can't serve


def _handler(made: Module, tile: Tile) -> None:
    """What XLA calls: it says for which version it was made, or updates; null is success.

    What is not of the types and ranks that it takes it refuses.
    """
    handler = ir.Function(made, ir.FunctionType(POINTER, [POINTER]), HANDLER)
    (frame,) = handler.args
    build = ir.IRBuilder(handler.append_basic_block())
    null = ir.Constant(POINTER, None)
    extension = read(build, frame, _Record.FRAME_EXTENSION, POINTER)
    with build.if_then(build.icmp_unsigned("!=", extension, null)):
        kind = read(build, extension, _Record.EXTENSION_TYPE, HALF)
        with build.if_then(build.icmp_unsigned("==", kind, HALF(_Record.METADATA))):
            _say_version(build, extension)
            build.ret(null)
    fits = _fits(build, frame)
    with build.if_then(build.not_(fits), likely=False):
        build.ret(_refusal(made, build, frame))
    _update(made, build, frame, tile)
    build.ret(null)


def _say_version(build: Builder, extension: Value) -> None:
    metadata = read(build, extension, _Record.EXTENSION_METADATA, POINTER)
    version = _Record.METADATA_VERSION
    build.store(INT(_Record.VERSION_SIZE), byte(build, metadata, version))
    for place, number in enumerate(_VERSION):
        there = version + _Record.VERSION_NUMBERS + 4 * place
        build.store(HALF(number), byte(build, metadata, there))
    build.store(HALF(0), byte(build, metadata, _Record.METADATA_TRAITS))


def _fits(build: Builder, frame: Value) -> Value:
    """Whether all buffers are of the types and ranks that the kernel takes."""
    fits = ir.Constant(ir.IntType(1), 1)
    for place, kinds in ((_Record.FRAME_ARGUMENTS, _ARGUMENTS), (_Record.FRAME_RESULTS, _STATE)):
        buffers = read(build, frame, place, POINTER)
        for number, (kind, rank) in enumerate(kinds):
            buffer = read(build, buffers, 8 * number, POINTER)
            of_kind = read(build, buffer, _Record.BUFFER_TYPE, HALF)
            of_rank = read(build, buffer, _Record.BUFFER_RANK, INT)
            fits = build.and_(fits, build.icmp_signed("==", of_kind, HALF(kind)))
            fits = build.and_(fits, build.icmp_signed("==", of_rank, INT(rank)))
    return fits


def _refusal(made: Module, build: Builder, frame: Value) -> Value:
    """XLA's error for buffers that do not fit."""
    text = bytearray(_EXPECTED.encode() + b"\0")
    message = _constant(made, "expected", ir.Constant(ir.ArrayType(BYTE, len(text)), text))
    parts = INT(_Record.ERROR_SIZE), ir.Constant(POINTER, None), message
    asked = ir.Constant.literal_struct([*parts, INT(_Record.INVALID_ARGUMENT)])
    api = read(build, frame, _Record.FRAME_API, POINTER)
    create = read(build, api, _Record.API_ERROR, ir.FunctionType(POINTER, [POINTER]).as_pointer())
    return build.call(create, [_constant(made, "refusal", asked)])


def _constant(made: Module, name: str, value: Value) -> Value:
    """The place of a constant."""
    held = ir.GlobalVariable(made, value.type, name)
    held.initializer, held.global_constant = value, True
    return held.bitcast(POINTER)


class _Job:
    """Places of the words of a job: what a call is to do, and how far that is. It lives on the heap
    until all who work on it are done, since a helper may begin when all is done already.
    """

    POINTERS, SIZES, NEXT, DONE, HOLDERS, REQUEST, WORDS = 0, 6, 9, 10, 11, 12, 17


def _update(made: Module, build: Builder, frame: Value, tile: Tile) -> None:
    """Makes a job of a call, asks helpers for it, works on it, waits until all of it is done."""
    given = read(build, frame, _Record.FRAME_ARGUMENTS, POINTER)
    taken = read(build, frame, _Record.FRAME_RESULTS, POINTER)
    inputs, outputs, numbers, _, helpers = (
        read(build, given, 8 * place, POINTER) for place in range(5)
    )
    state = [read(build, taken, 8 * place, POINTER) for place in range(3)]
    data = [
        read(build, buffer, _Record.BUFFER_DATA, POINTER)
        for buffer in (inputs, outputs, numbers, *state)
    ]
    (batch, fan_in), (_, fan_out) = _shape(build, inputs), _shape(build, outputs)
    asked = read(build, read(build, helpers, _Record.BUFFER_DATA, POINTER), 0, HALF)
    asked = build.zext(asked, INT)
    malloc = function_named(made, "malloc", ir.FunctionType(POINTER, [INT]))
    job = build.call(malloc, [INT(8 * _Job.WORDS)])
    holders = build.add(asked, INT(1))
    words = [*data, batch, fan_in, fan_out, INT(0), INT(0), holders]
    for place, value in enumerate(words):
        build.store(value, word(build, job, place))
    work, release = _work(made, tile), _release(made)
    with stepping(build, INT(0), 1, asked):
        _ask_helper(made, build, frame, job)
    build.call(work, [job])
    waiting, done = (build.function.append_basic_block() for _ in range(2))
    build.branch(waiting)
    build.position_at_end(waiting)
    rows = build.load_atomic(word(build, job, _Job.DONE), "acquire", 8, typ=INT)
    build.cbranch(build.icmp_signed("<", rows, fan_in), waiting, done)
    build.position_at_end(done)
    build.call(release, [job])


def _shape(build: Builder, buffer: Value) -> list[Value]:
    """Rows and columns of a matrix."""
    shape = read(build, buffer, _Record.BUFFER_SHAPE, POINTER)
    return [read(build, shape, 8 * axis, INT) for axis in range(2)]


def _ask_helper(made: Module, build: Builder, frame: Value, job: Value) -> None:
    """Hands the job to XLA's pool of threads as well; if that is refused, nobody holds it there."""
    task = function_named(made, "task", ir.FunctionType(ir.VoidType(), [POINTER]))
    if not task.blocks:
        task.linkage = "internal"
        inner = ir.IRBuilder(task.append_basic_block())
        inner.call(made.globals["work"], task.args)
        inner.call(made.globals["release"], task.args)
        inner.ret_void()
    api = read(build, frame, _Record.FRAME_API, POINTER)
    function = ir.FunctionType(POINTER, [POINTER]).as_pointer()
    schedule = read(build, api, _Record.API_SCHEDULE, function)
    context = read(build, frame, _Record.FRAME_CONTEXT, POINTER)
    request, null = word(build, job, _Job.REQUEST), ir.Constant(POINTER, None)
    for place, value in enumerate((INT(40), null, context, task, job)):
        build.store(value, word(build, request, place))
    error = build.call(schedule, [request])
    with build.if_then(build.icmp_unsigned("!=", error, null)):
        build.call(made.globals["release"], [job])


def _release(made: Module) -> Value:
    """The function by which one that worked on a job lets go of it; the last one frees it."""
    release = ir.Function(made, ir.FunctionType(ir.VoidType(), [POINTER]), "release")
    release.linkage = "internal"
    (job,) = release.args
    build = ir.IRBuilder(release.append_basic_block())
    holders = build.atomic_rmw("sub", word(build, job, _Job.HOLDERS), INT(1), "acq_rel")
    with build.if_then(build.icmp_unsigned("==", holders, INT(1))):
        free = function_named(made, "free", ir.FunctionType(ir.VoidType(), [POINTER]))
        build.call(free, [job])
    build.ret_void()
    return release


def _work(made: Module, tile: Tile) -> Value:
    """The function that takes rows of the weight, some at a time, until all are taken.

    A taken part is all tiles of its rows, one row of them after the other, so that memory is passed
    over once.
    """
    work = ir.Function(made, ir.FunctionType(ir.VoidType(), [POINTER]), "work")
    work.linkage = "internal"
    (job,) = work.args
    build = ir.IRBuilder(work.append_basic_block())
    of_job = partial(read, build, job)
    x, y, numbers, *state = (of_job(8 * n, POINTER) for n in range(_Job.SIZES))
    sizes = [of_job(8 * n, INT) for n in range(_Job.SIZES, _Job.NEXT)]
    _, fan_in, fan_out = sizes

    def row_of_tiles(rows: int, row: Value) -> None:
        column = INT(0)
        for widths in kinds_of_width(tile):
            with stepping(build, column, sum(widths), fan_out) as column:
                there = build.add(build.mul(row, fan_out), column)
                places = [at(build, x, row), at(build, y, column), numbers]
                places += [at(build, start, there) for start in state]
                build.call(tile_function(made, rows, widths), [*places, *sizes])

    part = INT(_TILES_A_PART * tile.rows)
    take, taken, done = (work.append_basic_block() for _ in range(3))
    build.branch(take)
    build.position_at_end(take)
    start = build.atomic_rmw("add", word(build, job, _Job.NEXT), part, "monotonic")
    build.cbranch(build.icmp_signed("<", start, fan_in), taken, done)
    build.position_at_end(taken)
    end = build.add(start, part)
    end = build.select(build.icmp_signed("<", end, fan_in), end, fan_in)
    row = start
    for rows in (tile.rows, 1):
        with stepping(build, row, rows, end) as row:
            row_of_tiles(rows, row)
    build.atomic_rmw("add", word(build, job, _Job.DONE), build.sub(end, start), "release")
    build.branch(take)
    build.position_at_end(done)
    build.ret_void()
    return work
