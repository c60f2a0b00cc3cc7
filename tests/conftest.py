"""Annotations are checked, ranks are never promoted, and a CPU plays eight devices."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache
from jaxtyping import install_import_hook

CHECKED = ("latentsweep.model", "latentsweep.training", "latentsweep.evaluation")
_hook = install_import_hook(list(CHECKED), "beartype.beartype")
_hook.__enter__()

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.devices()  # settles their number, before a run asks for one device a core


@pytest.fixture
def mnist_folder() -> str:
    """The folder that holds mnist/; the test is skipped where there is none."""
    folder = os.environ.get("LATENTSWEEP_DATA")
    if not folder:
        pytest.skip("real MNIST: set LATENTSWEEP_DATA to the folder that holds mnist/")
    return folder


# Two sizes, two objectives, one layer of 16 units: a run of seconds that has all that a run has.
TINY = """
name = "tiny"
data = "digits"
latent_sizes = [2, 3]
hidden_size = 16
epochs = 2
projected_examples = 50
"""


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests that ask for `cached_programs` keep what they compiled."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture
def cached_programs(cache_folder: Path) -> Iterator[None]:
    """A program that another test compiled is not compiled again."""
    with _cached_programs(cache_folder):
        yield


@pytest.fixture(scope="session")
def tiny_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a study of seconds, on the digits of scikit-learn."""
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path, tiny_toml: Path) -> Path:
    """The folder of a finished run of the tiny study; to be read, never to be changed."""
    from latentsweep import run

    path = tmp_path_factory.mktemp("runs") / "tiny"
    with _cached_programs(cache_folder):
        run(tiny_toml, path)
    return path


@contextmanager
def _cached_programs(folder: Path) -> Iterator[None]:
    names = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }
    before = {name: getattr(jax.config, name) for name in names}
    for name, value in names.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
