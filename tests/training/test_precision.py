"""The precision of matrix products: said of each, and nothing else depends on it."""

import contextlib
import functools
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_family import orders, recipe, train_epoch

from latentsweep.model import family
from latentsweep.training import steps
from latentsweep.training.steps import closed_form_chunk, initial_state

PRODUCT = re.compile(
    r"stablehlo\.dot_general.* precision = \[(\w+), (\w+)\]"
    r"(?:, algorithm = <lhs_precision_type = (\w+), rhs_precision_type = (\w+), "
    r"accumulation_type = (\w+),)?"
)
SAID = {
    "float32": ("HIGHEST", "HIGHEST", None, None, None),
    "tf32": ("HIGH", "HIGH", None, None, None),
    "bfloat16": ("DEFAULT", "DEFAULT", "bf16", "bf16", "f32"),
}
FORWARD, BACKWARD = 4, 7  # the first layer's input needs no gradient


def program(function, members, values, mapping, **changes):
    """`function` of a family's members, lowered."""
    parts = recipe(7, **changes)
    initial = family.each(lambda member: initial_state(member, parts), mapping)
    one = lambda *each: function(*each, jnp.asarray(values), parts)  # noqa: E731
    like = jax.eval_shape(initial, members), members, orders(members, 0, parts)
    return jax.jit(family.each(one, mapping)).lower(*like)


def products(lowered) -> list[tuple[str | None, ...]]:
    """What a program says of the precision of each of its matrix products."""
    text = lowered.as_text()
    found = [match.groups() for match in PRODUCT.finditer(text)]
    assert len(found) == text.count("stablehlo.dot_general")
    return found


def trained(epoch, members, epochs=2):
    """A family after some epochs of a lowered program, and the last one's terms."""
    run = epoch.compile()
    state = jax.vmap(lambda member: initial_state(member, recipe(7)))(members)
    for number in range(epochs):
        state, terms = run(state, members, orders(members, number, recipe(7)))
    return state, terms


@pytest.fixture(scope="module")
def epoch_in(members, values):
    """The program of an epoch, lowered, for a precision and a mapping."""
    return functools.cache(
        lambda precision, mapping: program(
            train_epoch, members, values, mapping, products=precision
        )
    )


@pytest.fixture(scope="module")
def trained_in(members, epoch_in):
    """What a precision and a mapping train."""
    return functools.cache(
        lambda precision, mapping: trained(epoch_in(precision, mapping), members)
    )


@pytest.mark.parametrize("mapping", ["map", "vmap"])
@pytest.mark.parametrize("precision", SAID)
def test_every_product_of_a_step_and_its_gradient_has_the_studys_precision(
    epoch_in, precision, mapping
):
    assert products(epoch_in(precision, mapping)) == [SAID[precision]] * (FORWARD + BACKWARD)


@pytest.mark.parametrize("precision", SAID)
def test_what_is_measured_after_training_is_measured_in_float32(members, values, precision):
    measuring = lambda *each: closed_form_chunk(*each[:3], 0, *each[3:])  # noqa: E731
    lowered = program(measuring, members, values, "map", likelihood="gaussian", products=precision)
    assert products(lowered) == [SAID["float32"]] * FORWARD


@pytest.mark.parametrize("precision", SAID)
def test_state_and_losses_stay_float32(epoch_in, precision):
    types = {leaf.dtype for leaf in jax.tree.leaves(epoch_in(precision, "map").out_info)}
    assert {dtype.name for dtype in types if dtype.kind not in "ib"} == {"float32"}


def test_float32_is_what_a_cpu_computes_anyway(members, values, trained_in, monkeypatch):
    monkeypatch.setattr(steps, "products_in", lambda _: contextlib.nullcontext())
    unsaid = program(train_epoch, members, values, "map")
    assert products(unsaid) == [("DEFAULT", "DEFAULT", None, None, None)] * (FORWARD + BACKWARD)
    jax.tree.map(
        np.testing.assert_array_equal, trained(unsaid, members), trained_in("float32", "map")
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_side_by_side_is_in_turn_but_for_rounding(trained_in, precision):
    (turn, turn_terms), (side, side_terms) = (
        trained_in(precision, mapping) for mapping in ("map", "vmap")
    )
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5), side_terms, turn_terms)
    for one, other in zip(jax.tree.leaves(side.vae), jax.tree.leaves(turn.vae), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(other).max())
