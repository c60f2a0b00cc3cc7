"""Annotations are checked, ranks are never promoted, and a CPU plays eight devices.

Programs are compiled without most of XLA's optimisations, which takes a fraction of the time, and
are kept between runs. `OPTIMISED=1` compiles them as users' are; so do, always, the tests marked
`optimised`, whose laws are of the programs themselves: bits, memory, the kernel.
"""

import ctypes
import gc
import hashlib
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPTIMISED = os.environ.get("OPTIMISED") == "1"
_KEPT = ROOT / ".pytest_cache" / "d" / "programs"
_MOST_BYTES, _DAY = 2**30, 86_400
_ROOM = 800 * 2**20  # bytes of memory, above which a process forgets compiled programs
_most = {"memory": _ROOM}  # or a little above what is left when it has forgotten them


def _programs() -> Path:
    """Where compiled programs lie: a folder for the versions of all parts and the processor."""
    facts = (ROOT / "constraints.txt").read_text().splitlines()
    listed = Path("/proc/cpuinfo")
    if listed.exists():  # a program holds one kind of processor's instructions
        facts += sorted({x for x in listed.read_text().splitlines() if x.startswith("flags")})
    return _KEPT / hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


# One thread of linear algebra each: more of them wait for each other, and burn what workers need.
for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # of workers: freed memory lies less scattered

# The workers and the commands that tests start read these. Without a limit on their number JAX
# does not look at all of them each time that it writes one.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_programs()))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "0" if OPTIMISED else "1"
if not OPTIMISED:  # these two halve what compiling takes
    quickly = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    asked = os.environ.get("XLA_FLAGS", "").replace(quickly, "")  # a worker's has them already
    os.environ["XLA_FLAGS"] = f"{asked.strip()} {quickly}".strip()

import jax
import pytest
from filelock import FileLock
from jaxtyping import install_import_hook

CHECKED = ("latentsweep.model", "latentsweep.training", "latentsweep.evaluation")
_hook = install_import_hook(list(CHECKED), "beartype.beartype")
_hook.__enter__()

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.devices()  # settles their number, before a run asks for one device a core

pytest_plugins = ["dearest"]


def pytest_configure(config: pytest.Config) -> None:
    """Programs of other versions go after a day, and all when they have become many."""
    if hasattr(config, "workerinput"):
        return
    for folder in _KEPT.glob("*"):
        old = folder != _programs() and time.time() - folder.stat().st_mtime > _DAY
        if old or sum(file.stat().st_size for file in folder.iterdir()) > _MOST_BYTES:
            shutil.rmtree(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Programs are compiled with the optimisations that a test wants, those of its fixtures too."""
    wanted = OPTIMISED or item.get_closest_marker("optimised") is not None
    if wanted == jax.config.read("jax_disable_most_optimizations"):
        jax.clear_caches()
        jax.config.update("jax_disable_most_optimizations", not wanted)


@pytest.fixture(autouse=True)
def programs() -> Iterator[None]:
    """Compiled programs live on while there is room."""
    yield
    if _memory() > _most["memory"]:
        jax.clear_caches()
        gc.collect()
        if sys.platform == "linux":  # freed memory is given back, or a worker grows to gigabytes
            ctypes.CDLL(None).malloc_trim(0)
        _most["memory"] = max(_ROOM, _memory() + _ROOM // 8)


def _memory() -> int:
    """Bytes of memory that this process has; where that isn't told, the most that it ever had."""
    told = Path("/proc/self/statm")
    if told.exists():
        return int(told.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def pytest_collection_finish() -> None:
    """What was imported stays: no collection of garbage looks at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def quick_pictures():
    """Pictures of a quarter of the pixels, t-SNE of few steps: what is tested is what they hold."""
    from latentsweep.evaluation import projection
    from latentsweep.show import style

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style.RC, "savefig.dpi", style.DOTS_PER_INCH / 4)
        few = partial(projection.TSNE, early_exaggeration_iter=20, n_iter=20)
        patch.setattr(projection, "TSNE", few)
        yield


def stand_in(stem: Path, *_: object) -> tuple[Path, Path]:
    """Writes the files of a picture without drawing it."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".png", b"\x89PNG\r\n\x1a\n"), (".svg", b"<svg/>")):
        stem.with_suffix(suffix).write_bytes(content)
    return stem.with_suffix(".png"), stem.with_suffix(".svg")


@pytest.fixture
def pictures_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have their pictures' words and files, but nothing is drawn, which takes longest."""
    monkeypatch.setattr("latentsweep.show.figures._write", stand_in)


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
def once(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, Callable[[Path], object]], Path]:
    """`once(name, make)`: a folder that `make` fills once for all workers; never to be changed."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder = root / f"once-{name}"
        with FileLock(root / f"{folder.name}.lock"):
            if not (root / f"{folder.name}.made").exists():
                shutil.rmtree(folder, ignore_errors=True)
                make(folder)
                (root / f"{folder.name}.made").touch()
        return folder

    return made


@pytest.fixture(scope="session")
def tiny_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a study of seconds, on the digits of scikit-learn."""
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def tiny_run(once: Callable, tiny_toml: Path) -> Path:
    """The folder of a finished run of the tiny study; to be read, never to be changed."""
    from latentsweep import run

    return once("tiny", lambda path: run(tiny_toml, path))
