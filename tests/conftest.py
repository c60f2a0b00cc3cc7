"""Annotations are checked, ranks are never promoted, and a CPU plays eight devices."""

import os

import jax
import pytest
from jaxtyping import install_import_hook

CHECKED = ("latentsweep.model", "latentsweep.training", "latentsweep.evaluation")
_hook = install_import_hook(list(CHECKED), "beartype.beartype")
_hook.__enter__()

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def mnist_folder() -> str:
    """The folder that holds mnist/; the test is skipped where there is none."""
    folder = os.environ.get("LATENTSWEEP_DATA")
    if not folder:
        pytest.skip("real MNIST: set LATENTSWEEP_DATA to the folder that holds mnist/")
    return folder
