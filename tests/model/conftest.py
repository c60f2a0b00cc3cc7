"""The model never promotes a type (Optax does: its step count is an integer)."""

import jax
import pytest


@pytest.fixture(autouse=True)
def strict_types():
    with jax.numpy_dtype_promotion("strict"):
        yield
