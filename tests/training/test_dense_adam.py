"""The kernel against NumPy, in every kind of tile, for each kind of processor that has one."""

import ctypes
import platform
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentsweep.training.cpu_kernel import dense_adam as module
from latentsweep.training.cpu_kernel.dense_adam import dense_adam, exists, handler
from latentsweep.training.cpu_kernel.factored import Factors

pytestmark = pytest.mark.skipif(not exists(), reason="no kernel for this machine")

NUMBERS = np.array([0.01, 0.9, 0.1, 0.999, 0.001, 1e-7], np.float32)


ALONE = np.zeros(1, np.float32), np.zeros((), np.int32)  # what the last product gave; no helpers


def case(batch, fan_in, fan_out, seed=0):
    """Factors and a state, float32."""
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal((batch, n), np.float32) for n in (fan_in, fan_out))
    weight, mean = rng.standard_normal((2, fan_in, fan_out), np.float32)
    return x, y, (weight, mean, rng.random((fan_in, fan_out), np.float32))


def expected(x, y, state):
    """A step of Adam in float64."""
    weight, mean, square = (array.astype(float) for array in state)
    rate, beta1, rest1, beta2, rest2, epsilon = NUMBERS.astype(float)
    gradient = x.astype(float).T @ y
    mean = beta1 * mean + rest1 * gradient
    square = beta2 * square + rest2 * gradient**2
    return weight - rate * mean / (np.sqrt(square) + epsilon), mean, square


def close(got, right):
    for one, other in zip(got, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


class Buffer(ctypes.Structure):
    """XLA_FFI_Buffer."""

    _fields_ = (
        ("size", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("rank", ctypes.c_int64),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
    )


class Listing(ctypes.Structure):
    """XLA_FFI_Args and XLA_FFI_Rets."""

    _fields_ = (
        ("size", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("types", ctypes.c_void_p),
        ("items", ctypes.POINTER(ctypes.c_void_p)),
    )


class Frame(ctypes.Structure):
    """XLA_FFI_CallFrame, up to its results."""

    _fields_ = (
        ("size", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("api", ctypes.c_void_p),
        ("context", ctypes.c_void_p),
        ("stage", ctypes.c_int),
        ("arguments", Listing),
        ("results", Listing),
    )


TYPES = {"int32": 4, "float32": 11}  # XLA_FFI_DataType


def buffer(array):
    shape, kind = (ctypes.c_int64 * array.ndim)(*array.shape), TYPES[array.dtype.name]
    return Buffer(dtype=kind, data=array.ctypes.data, rank=array.ndim, shape=shape)


def listing(arrays):
    """The record of some arrays, and what must live as long."""
    buffers = [buffer(array) for array in arrays]
    items = (ctypes.c_void_p * len(arrays))(*map(ctypes.addressof, buffers))
    return Listing(count=len(arrays), items=items), buffers


def update(code, x, y, state):
    """A step in place, the machine code called as XLA calls it: no compilation for each shape."""
    address, alive = code
    (arguments, kept), (results, too) = listing([x, y, NUMBERS, *ALONE, *state]), listing(state)
    frame = Frame(arguments=arguments, results=results)
    entry = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(address)
    assert entry(ctypes.addressof(frame)) is None
    assert alive
    assert kept
    assert too


def called(code, x, y, state):
    """The state after a step."""
    state = [np.array(array) for array in state]
    update(code, x, y, state)
    return state


TILES = [tile for _, tile in handler.TILES] if handler else []


@pytest.fixture(scope="module", params=TILES, ids=lambda tile: f"{tile.lanes} lanes")
def code(request):
    """The machine code for each kind of processor that this one can stand for."""
    if request.param.lanes > handler.tile_here().lanes:
        pytest.skip("this processor has no such vectors")
    return handler.compiled(request.param)


@given(batch=st.integers(1, 40), fan_in=st.integers(1, 40), fan_out=st.integers(1, 130))
def test_a_step_is_adams_whatever_the_shape(code, batch, fan_in, fan_out):
    x, y, state = case(batch, fan_in, fan_out)
    close(called(code, x, y, state), expected(x, y, state))


def test_a_step_of_the_reports_layers_is_adams(code):
    for shape in ((32, 784, 512), (32, 512, 784), (40, 512, 64)):
        x, y, state = case(*shape)
        close(called(code, x, y, state), expected(x, y, state))


def test_every_kind_of_processor_gives_the_same_bits():
    here = handler.tile_here().lanes
    codes = [handler.compiled(tile) for tile in TILES if tile.lanes <= here]
    if len(codes) < 2:
        pytest.skip("this processor can stand for no other")
    steps = [called(code, *case(9, 21, 77)) for code in codes]
    for one in steps[1:]:
        for array, first in zip(one, steps[0], strict=True):
            np.testing.assert_array_equal(array, first)


def test_nothing_outside_the_weight_is_written(code):
    x, y, state = case(3, 5, 21)
    guarded = []
    for array in state:
        whole = np.full(5 * 21 + 64, 7.0, np.float32)
        whole[32:-32] = array.ravel()
        guarded.append(whole)
    inner = [whole[32:-32].reshape(5, 21) for whole in guarded]
    update(code, x, y, inner)
    close(inner, expected(x, y, state))
    for whole in guarded:
        assert set(whole[:32]) | set(whole[-32:]) == {7.0}


def through_xla(x, y, state, threads=1):
    factors = Factors(*map(jnp.asarray, (x, y, np.zeros(len(x), np.float32))))
    return jax.jit(dense_adam, static_argnums=3)(factors, NUMBERS, state, threads)


@pytest.mark.parametrize("shape", [(8, 9, 50), (32, 64, 48)])
def test_xla_calls_it(shape):
    x, y, state = case(*shape)
    close(through_xla(x, y, state), expected(x, y, state))


@pytest.mark.parametrize("threads", [2, 3, 20])
def test_helpers_change_no_bit(threads, monkeypatch):
    monkeypatch.setattr(module, "_WEIGHTS_A_HELPER", 1)
    x, y, state = case(8, 203, 50)
    alone = through_xla(x, y, state)
    for _ in range(20):
        jax.tree.map(np.testing.assert_array_equal, through_xla(x, y, state, threads), alone)


def test_a_step_waits_for_its_helpers(monkeypatch):
    """Hundreds of steps in a row, large enough that helpers take their part to the end."""
    monkeypatch.setattr(module, "_WEIGHTS_A_HELPER", 1)
    x, y, state = case(32, 784, 512)
    factors = Factors(jnp.asarray(x), jnp.asarray(y), jnp.zeros(32))

    def many(threads):
        step = lambda state, _: (dense_adam(factors, jnp.asarray(NUMBERS), state, threads), None)  # noqa: E731
        return jax.jit(lambda state: jax.lax.scan(step, state, length=400)[0])(state)

    jax.tree.map(np.testing.assert_array_equal, many(4), many(1))


def test_what_is_of_another_type_is_refused():
    x, y, state = case(8, 9, 50)
    with jax.enable_x64(True), pytest.raises(jax.errors.JaxRuntimeError, match="float32 factors"):
        through_xla(x.astype(float), y.astype(float), tuple(map(np.float64, state)))


@pytest.mark.parametrize("flat", [0, 1, 5, 6, 7])
def test_what_is_of_another_rank_is_refused(flat):
    x, y, state = case(8, 9, 50)
    given = [x, y, NUMBERS, np.zeros(8, np.float32), np.int32(0), *state]
    given[flat] = given[flat].ravel()
    shape = jax.ShapeDtypeStruct((9, 50), np.float32)
    call = jax.ffi.ffi_call(module._registered()[0], [shape] * 3)
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"\[I, O\]"):
        jax.jit(call)(*given)


def test_what_has_no_gradient_stays_zero():
    x, y, _ = case(8, 9, 50)
    x[:, 5:] = 0
    zero = np.zeros((9, 50), np.float32)
    for array in through_xla(x, y, (zero, zero, zero)):
        assert not np.any(array[5:])
        assert np.all(array[:5])


def test_steps_in_a_loop_are_steps_one_by_one():
    x, y, state = case(8, 9, 50)
    factors = Factors(jnp.asarray(x), jnp.asarray(y), jnp.zeros(8))

    @jax.jit
    def three(state):
        step = lambda state, _: (dense_adam(factors, jnp.asarray(NUMBERS), state, 1), None)  # noqa: E731
        return jax.lax.scan(step, state, length=3)[0]

    together, one_by_one = three(state), state
    for _ in range(3):
        one_by_one = through_xla(x, y, one_by_one)
    jax.tree.map(np.testing.assert_array_equal, together, one_by_one)
    np.testing.assert_array_equal(state[0], case(8, 9, 50)[2][0])  # the caller's own stays


def test_there_is_a_kernel_only_where_it_was_tried(monkeypatch):
    for owner, name, value in (
        (sys, "platform", "darwin"),
        (platform, "machine", lambda: "aarch64"),
        (module, "handler", None),
        (handler, "tile_here", lambda: None),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(owner, name, value)
            assert not exists.__wrapped__()
    assert exists.__wrapped__()
