"""Annotations are checked, ranks are never promoted, and a CPU plays eight devices."""

import os
import shutil
import tempfile
from pathlib import Path

# What one test compiled no other compiles again, nor the commands that tests start. The workers
# find the folder of the process that started them.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _programs = tempfile.mkdtemp(prefix="latentsweep-programs-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _programs
    os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"] = str(2**30)  # which also locks it
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
else:
    _programs = None

import jax
import pytest
from jaxtyping import install_import_hook

CHECKED = ("latentsweep.model", "latentsweep.training", "latentsweep.evaluation")
_hook = install_import_hook(list(CHECKED), "beartype.beartype")
_hook.__enter__()

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.devices()  # settles their number, before a run asks for one device a core


def pytest_unconfigure() -> None:
    """The process that made the folder of programs removes it."""
    if _programs is not None:
        shutil.rmtree(_programs, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def few_pixels():
    """Pictures of a quarter of the pixels: what is tested of them is what they are made of."""
    from latentsweep.show import style

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style.RC, "savefig.dpi", style.DOTS_PER_INCH / 4)
        yield


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
likelihood = "bernoulli"
hidden_size = 16
epochs = 2
projected_examples = 50
"""


@pytest.fixture(scope="session")
def tiny_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a study of seconds, on the digits of scikit-learn."""
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny_toml: Path) -> Path:
    """The folder of a finished run of the tiny study; to be read, never to be changed."""
    from latentsweep import run

    path = tmp_path_factory.mktemp("runs") / "tiny"
    run(tiny_toml, path)
    return path
