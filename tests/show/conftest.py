"""Synthetic run folders, as `docs/formats.md` describes them, made without training anything."""

import functools
import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentsweep.language import spoken
from latentsweep.record.arrays import write_arrays
from latentsweep.record.folder import Examples, RunFolder
from latentsweep.record.tables import write_table
from latentsweep.show import figures
from latentsweep.show.report import write_report
from latentsweep.show.report.live import Live, live
from latentsweep.study import Study


@dataclass(frozen=True)
class Recipe:
    """What a synthetic run holds; its numbers follow simple laws that tests can state."""

    sizes: tuple[int, ...] = (2, 4, 8)
    objectives: tuple[str, ...] = ("keras-blog", "elbo")
    kl_weight: tuple[float, ...] = (1.0,)
    kl_warm_up: tuple[float, ...] = (0.0,)
    seeds: tuple[int, ...] = (0,)
    item_shape: tuple[int, ...] = (6, 5)
    image: bool = True
    names: tuple[str, ...] | None = ("zero", "one", "two")
    labelled: bool = True
    failed: dict[str, int] = field(default_factory=dict)  # member: epoch
    epochs: int = 3
    tests: int = 40
    shown: int = 12
    no_latent: float = 205.8
    entropy_floor: float | None = 45.5
    likelihood: str = "bernoulli"
    offset: float = 0.0
    answers: Mapping | None = None  # the content of answers.json
    hidden: int = 16  # units of a network's hidden layer next to the data
    deeper: tuple[int, ...] = ()  # units of those after it, towards the code
    path: bool = False  # whether networks have a linear path beside their layers


def neg_elbo_of(objective: str, size: int, seed: int) -> float:
    """The true −ELBO of every synthetic member: lowest at 8 for `elbo`, rising for `keras-blog`."""
    if objective == "elbo":
        return 100.0 + 6.0 * abs(np.log2(size) - 3) + 0.25 * seed
    return 110.0 + 4.0 * np.log2(size) + 0.25 * seed


def member_name(objective: str, size: int, seed: int) -> str:
    return f"{objective}-k{size:02d}-s{seed}"


def write_run(path: Path, recipe: Recipe) -> RunFolder:
    """A complete run folder made by a recipe."""
    run, noise = RunFolder(path), np.random.default_rng(5)
    path.mkdir(parents=True, exist_ok=True)
    study = Study(
        name="synthetic",
        latent_sizes=recipe.sizes,
        objectives=recipe.objectives,
        kl_weight=recipe.kl_weight,
        kl_warm_up=recipe.kl_warm_up,
        seeds=recipe.seeds,
        epochs=recipe.epochs,
    )
    run.study_path.write_text(study.to_toml())
    labels = np.arange(recipe.tests, dtype=np.int32) % len(recipe.names or range(3))
    values = _values(recipe, noise)
    indices = np.arange(recipe.shown, dtype=np.int32)
    run.write_examples(Examples(values, indices, labels if recipe.labelled else None))
    rows = [
        _row(recipe, variant.name, size, seed)
        for variant in study.variants
        for size in recipe.sizes
        for seed in recipe.seeds
    ]
    for row in rows:
        _write_member(run, recipe, row, values, noise)
    run.write_results(pd.DataFrame(rows))
    run.write_projections(pd.concat([_projection(recipe, row, noise) for row in rows]))
    run.write_manifest(_manifest(recipe, rows))
    if recipe.answers is not None:
        run.write_answers(recipe.answers)
    return run


def _values(recipe: Recipe, noise) -> np.ndarray:
    shape = (recipe.shown, *recipe.item_shape)
    if recipe.image:
        return noise.integers(0, 256, shape).astype(np.uint8)
    if recipe.likelihood == "negative-binomial":
        return noise.poisson(2.0, shape).astype(np.float32)
    return noise.normal(size=shape).astype(np.float32)


def _row(recipe: Recipe, objective: str, size: int, seed: int) -> dict:
    name = member_name(objective, size, seed)
    neg_elbo = neg_elbo_of(objective, size, seed) + recipe.offset
    rate = 3.0 * np.log2(size) + 3
    loss = neg_elbo - 2.0 * size if objective == "keras-blog" else neg_elbo
    shown = size > 2
    return {
        "member": name,
        "objective": objective,
        "latent_size": size,
        "seed": seed,
        "data": "made <up>",
        "split": "test",
        "status": "failed" if name in recipe.failed else "ok",
        "failed_epoch": recipe.failed.get(name, 0),
        "train_seconds": 1.5,
        "loss": loss,
        "penalty": loss - (neg_elbo - rate),
        "reconstruction": neg_elbo - rate,
        "rate": rate,
        "neg_elbo": neg_elbo,
        "reconstruction_of_mean": neg_elbo - rate - 1,
        "mse_of_mean": 0.08 / size,
        "active_units": min(size, 6),
        "tsne_kl": 1.25 if shown else np.nan,
        "tsne_preservation": 0.48 - 0.001 * size if shown else np.nan,
        "tsne_trustworthiness": 0.98 if shown else np.nan,
    }


def _write_member(run: RunFolder, recipe: Recipe, row: dict, values: np.ndarray, noise) -> None:
    size, tests = row["latent_size"], recipe.tests
    quantities = ("loss", "reconstruction", "penalty", "rate", "neg_elbo", "mse_of_mean")
    arrays = {f"test/{q}": np.full(tests, row[q], np.float32) for q in quantities}
    arrays["test/codes"] = noise.normal(size=(tests, size)).astype(np.float32)
    arrays["test/code_scales"] = np.full((tests, size), 0.5, np.float32)
    arrays["kl_per_dimension"] = np.ones(size, np.float32)
    arrays["rho"] = np.full(size, 0.5, np.float32)
    arrays["shown/decodes"] = values[::-1].copy()
    if size == 2:
        tiles = noise.integers(0, len(values), (9, 9))
        arrays["grid/decodes"] = values[tiles]
    write_arrays(run.member_path(row["member"]) / "arrays.safetensors", arrays)
    write_arrays(run.member_path(row["member"]) / "weights.safetensors", _weights(recipe, size))
    last = row["failed_epoch"] - 1 if row["status"] == "failed" else recipe.epochs
    epochs = np.arange(1, last + 1)
    loss = row["loss"] + 40.0 / np.maximum(epochs, 1)
    history = {"epoch": epochs, "loss": loss, "reconstruction": loss - 5, "penalty": 0 * loss + 5}
    write_table(run.member_path(row["member"]) / "history.parquet", pd.DataFrame(history))


def _weights(recipe: Recipe, size: int) -> dict[str, np.ndarray]:
    """A network of random weights, the same for the same recipe and size."""
    noise, features, hidden = np.random.default_rng(size), np.prod(recipe.item_shape), recipe.hidden
    outputs = features * (2 if recipe.likelihood == "negative-binomial" else 1)
    sizes = (hidden, *recipe.deeper)
    layers = {
        "encoder/hidden": ((features, hidden), (hidden,)),
        "encoder/heads": ((sizes[-1], 2, size), (2, size)),
        "decoder/hidden": ((size, sizes[-1]), (sizes[-1],)),
        "decoder/output": ((hidden, outputs), (outputs,)),
    }
    for part, way in (("encoder", sizes), ("decoder", sizes[::-1])):
        for place, pair in enumerate(pairwise(way)):
            layers[f"{part}/deeper/{place}"] = (pair, pair[1:])
    if recipe.path:
        layers["encoder/path"] = ((features, size), (size,))
        layers["decoder/path"] = ((size, outputs), (outputs,))
    arrays = {"shared": np.float32(0.5 if recipe.likelihood == "gaussian" else 0)}
    for name, (weight, bias) in layers.items():
        arrays[f"{name}/weight"] = noise.normal(0, weight[0] ** -0.5, weight).astype(np.float32)
        arrays[f"{name}/bias"] = noise.normal(0, 0.1, bias).astype(np.float32)
    return arrays


def _projection(recipe: Recipe, row: dict, noise) -> pd.DataFrame:
    points = noise.normal(size=(recipe.tests, 2))
    method = "codes" if row["latent_size"] <= 2 else "t-SNE"
    return pd.DataFrame(
        {
            "member": row["member"],
            "example": np.arange(recipe.tests),
            "x": points[:, 0],
            "y": points[:, 1] * (row["latent_size"] > 1),
            "method": method,
        }
    )


def _manifest(recipe: Recipe, rows: list[dict]) -> dict:
    keys = ("member", "objective", "latent_size", "seed")
    return {
        "command": "latentsweep run synthetic",
        "versions": {"latentsweep": "0.1.0", "python": "3.11", "jax": "0.10.2", "numpy": "2.0"},
        "device": {"kind": "cpu", "name": "a processor", "count": 1, "cores": 2},
        "data": {
            "name": "made <up>",
            "source": "/somewhere/file.npz",
            "hash": "0123456789abcdef" * 4,
            "item_shape": list(recipe.item_shape),
            "splits": {"train": 100, "test": recipe.tests},
            "label_names": list(recipe.names) if recipe.names and recipe.labelled else None,
            "image": recipe.image,
            "likelihood": recipe.likelihood,
            "scale": {"offset": 0.0, "factor": 255.0 if recipe.image else 1.0},
        },
        "bounds": {"no_latent": recipe.no_latent, "entropy_floor": recipe.entropy_floor},
        "members": [
            {"name": row["member"], **{k: row[k] for k in keys[1:]}, "learning_rate": 0.001}
            for row in rows
        ],
        "seconds": {"compile": 1.5, "train": 62.25, "evaluate": 3.0, "project": 4.0, "report": 1.0},
        "status": "complete",
    }


QUIET = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
]
HOSTILE = ("<script>alert(1)</script>", "$x_1$ 100%", 'it\'s "quoted" & \\frac{1}{2}')

RECIPES = {
    "usual": Recipe(),
    "one member": Recipe(sizes=(2,), objectives=("elbo",)),
    "one member of one dimension": Recipe(sizes=(1,), objectives=("keras-blog",), epochs=1),
    "60 members": Recipe(sizes=(1, 2, 4, 8, 200), seeds=tuple(range(6)), tests=8, shown=4),
    "30 sizes": Recipe(sizes=tuple(range(1, 31)), objectives=("elbo",), tests=8, shown=4),
    "no labels": Recipe(objectives=("elbo",), labelled=False, names=None),
    "a failed member": Recipe(failed={"elbo-k02-s0": 2}),
    "all failed": Recipe(
        failed={member_name(o, k, 0): 1 for o in ("keras-blog", "elbo") for k in (2, 4, 8)}
    ),
    "grey with a last axis, labels without names": Recipe(
        objectives=("elbo",), item_shape=(6, 6, 1), names=None
    ),
    "vectors": Recipe(
        item_shape=(200,),
        image=False,
        entropy_floor=None,
        likelihood="gaussian",
        offset=-300.0,
        no_latent=-100.0,
        deeper=(12, 9),
    ),
    "counts": Recipe(
        sizes=(2,),
        objectives=("elbo",),
        item_shape=(7,),
        image=False,
        entropy_floor=None,
        likelihood="negative-binomial",
    ),
    "hostile names": Recipe(objectives=("elbo",), names=HOSTILE),
    "colours, many classes": Recipe(
        sizes=(2, 8), item_shape=(6, 6, 3), names=tuple(f"kind {i} of thing" for i in range(30))
    ),
    "keras-blog only": Recipe(sizes=(2, 8), objectives=("keras-blog",), seeds=(0, 1)),
}


SPOKEN_TWICE = ("usual", "one member of one dimension", "a failed member", "vectors")


@pytest.fixture(scope="session")
def recipes():
    """The recipes of the odd runs, by name."""
    return RECIPES


@pytest.fixture
def make_run(tmp_path):
    """Makes the synthetic run of a recipe."""
    return lambda recipe=RECIPES["usual"]: write_run(tmp_path / "run", recipe)


@pytest.fixture(scope="session")
def run_of(tmp_path_factory) -> Callable[[str], RunFolder]:
    """The synthetic run of a recipe's name, made once; to be read and drawn, never changed."""
    return functools.cache(
        lambda name: write_run(tmp_path_factory.mktemp("run") / "run", RECIPES[name])
    )


@pytest.fixture(
    scope="session", params=list(RECIPES), ids=lambda name: name.replace(",", "").replace(" ", "-")
)
def any_name(request):
    """The name of each recipe in turn."""
    return request.param


@pytest.fixture(scope="session")
def any_run(any_name, run_of):
    """Each of the synthetic runs in turn."""
    return run_of(any_name)


@pytest.fixture(scope="session")
def figures_of() -> Callable[[RunFolder], list[str]]:
    """The names of the figures that a run should have: those of planes where it has size 2."""
    everything = "headline terms rate_distortion dimensions reconstructions plane grid tsne curves"
    of_planes = {"plane", "grid"}

    def names(run: RunFolder) -> list[str]:
        results = run.results()
        sizes = set(results.loc[results["status"] == "ok", "latent_size"])
        if not sizes:
            return []
        return [n for n in everything.split() if 2 in sizes or n not in of_planes]

    return names


@pytest.fixture(scope="session")
def plots_of(once, run_of) -> Callable[[str], Live | None]:
    """The live plots of a recipe's run in English, made once for all tests.

    Those of few have what they are in Portuguese, too.
    """

    def make(name: str, folder: Path) -> None:
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            if name not in SPOKEN_TWICE:
                patch.setattr("latentsweep.show.report.live.document._languages", list)
            (folder / "plots").write_bytes(pickle.dumps(live(run_of(name))))

    @functools.cache
    def made(name: str) -> Live | None:
        folder = once(f"plots of {name}", functools.partial(make, name))
        return pickle.loads((folder / "plots").read_bytes())

    return made


@pytest.fixture(scope="session")
def reported(once) -> RunFolder:
    """A run with its report, plots and pictures in both languages; not to be changed."""
    recipe = RECIPES["keras-blog only"]
    return RunFolder(once("reported", lambda path: write_report(write_run(path, recipe))))


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures have their words and no files."""
    monkeypatch.setattr("latentsweep.show.figures._write", lambda stem, *_: (stem, stem))


@pytest.fixture
def only_words(monkeypatch):
    """Pages have their words, and neither figures nor live plots, which take longest to make."""
    monkeypatch.setattr("latentsweep.show.report.page.write_pictures", lambda _: [])
    monkeypatch.setattr("latentsweep.show.report.page.live", lambda _: None)


@pytest.fixture
def usual_run(make_run):
    """Two objectives, three sizes, one seed, small grey images of three classes."""
    return make_run()


JUDGED = {
    "recommendation": {
        "criterion": "elbo",
        "status": "ok",
        "latent_size": 8,
        "set": [4, 8],
        "confidence": 0.9,
        "delta": 1.0,
        "gain": 100.0,
        "best": 8,
        "data": "made <up>",
        "architecture": "small networks",
        "budget": "little training",
        "measure": "held-out −ELBO",
        "unit": "nats",
        "answer": "8 latent dimensions.",
        "sentence": "For it: 8 latent dimensions.",
        "methods": "The latent size of 8 was chosen.",
        "scope": "It says no more than that.",
        "evidence_sentences": ["It agrees."],
        "notes": [],
        "rows": [
            {
                "latent_size": size,
                "behind": 8.0 - size,
                "low": 7.5 - size,
                "high": 8.5 - size,
                "verdict": "enough" if size == 8 else "too small",
                "active_units": size,
            }
            for size in (2, 4, 8)
        ],
    },
    "claims": [
        {
            "claim": "bound",
            "part": "1",
            "says": "The larger, the better",
            "objective": objective,
            "verdict": "reproduced up to 4",
            "up_to": 4,
            "sentence": "Every step is better.",
            "lacking": 0,
            "lacking_seconds": None,
        }
        for objective in ("keras-blog", "elbo")
    ],
}


@pytest.fixture
def judged_run(tmp_path):
    """The usual run with a recommended size and verdicts."""
    return write_run(tmp_path / "judged", Recipe(answers=JUDGED))


def _blank(stem: Path, *_: object) -> tuple[Path, Path]:
    """Writes the files of a picture of nothing, which says only what it stands for."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    said = f"<title>{stem.name} {spoken()}</title>"
    svg.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="320">{said}</svg>')
    png.write_bytes(2 * svg.read_bytes())  # the longer of the two, which no page holds
    return png, svg


@pytest.fixture(scope="session")
def report_of(once, plots_of) -> Callable[..., RunFolder]:
    """The run of a recipe's name, or of "judged", with its report: made once for all workers.

    Pictures are blank, but for English ones of hostile names.
    """

    def make(name: str, language: str, path: Path) -> None:
        hostile, drawn = name == "hostile names", figures._write
        run = write_run(path, Recipe(answers=JUDGED) if name == "judged" else RECIPES[name])

        def write(*given):
            return (drawn if hostile and spoken() == "en" else _blank)(*given)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(figures, "_write", write)
            if language == "en" and not hostile and name != "judged":  # no test switches those
                patch.setattr("latentsweep.show.report.page.live", lambda _: plots_of(name))
            write_report(run, language)

    def made(name: str, language: str = "en") -> RunFolder:
        making = functools.partial(make, name, language)
        return RunFolder(once(f"report of {name} in {language}", making))

    return made


@pytest.fixture(scope="session")
def browser():
    """Chromium without a network of its own; for tests marked `browser`."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "no Chromium on this machine: install Debian's package chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path, chromium_sandbox=False, args=QUIET
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def call():
    """Calls a function of the explorer's modules, by source, for each list of arguments."""
    from javascript import JavaScript

    with JavaScript() as called:
        yield called
