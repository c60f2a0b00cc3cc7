"""Imports go strictly down the layers, and inside a package down its files.

The table is the design: a layer may import the layers below it; groups of one layer are set apart,
and never import each other; a group's files may import those before them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
LAYERS = (
    (
        "errors paths axes language study.other_words study.likelihood_facts study.variants "
        "study.fields study.files study record.atomic",
    ),
    (
        "data.raw data.dataset data.splits data.memory data.kept data.missing data.grouping "
        "data.storage data.scaling data.kind data.rounding data.prepare data.numbers "
        "data.sources.parquet_file data.sources.csv_file data.sources.table data.sources.bundled "
        "data.sources.array data.sources.images data.sources.in_memory data.sources.digits "
        "data.sources.mnist data.sources.shapes data.sources.synthetic data.sources "
        "data.findings data.catalogue",
        "record.columns record.claim_findings record.schema record.reading record.contents "
        "record.arrays record.tables record.lock record.member record.folder",
    ),
    (
        "model.gaussian model.likelihoods model.precision model.shape model.network "
        "model.convolutional model.consent model.user_network model.objective model.vae "
        "model.family model.principal model.trained",
    ),
    (
        "training.optimiser training.placement training.program_cache training.cpu_kernel "
        "training.update training.checkpoint training.orders training.steps training.supply "
        "training.programs training.fit training.members training.plan training.experiment "
        "training.cost",
    ),
    (
        "evaluation.bounds evaluation.reconstruction evaluation.rate evaluation.stationarity "
        "evaluation.structure evaluation.dimension evaluation.generation evaluation.likelihood "
        "evaluation.regularity evaluation.scorer evaluation.alarms evaluation.projection "
        "evaluation.evaluate evaluation.yardsticks evaluation.blocks",
    ),
    (
        "answers.statistics answers.losses answers.absurd answers.noise answers.recommendation "
        "answers.search "
        "answers.evidence answers.linear answers.facts "
        "answers.claim_verdict answers.claims",
    ),
    (
        "show.variants show.policy show.style show.members show.words show.sentences "
        "show.intervals show.measures show.answers show.figures "
        "show.report.translation show.report.provenance show.report.opening show.report.quotes "
        "show.report.tiles show.report.live show.report.page show.report show.notebook "
        "show.explorer.drawing show.explorer.content show.explorer.words show.explorer.page "
        "show.explorer",
    ),
    (
        "workflow.applied workflow.observer workflow.tasks workflow.sample workflow.blame "
        "workflow.linear workflow.model workflow.manifest workflow.answer "
        "workflow.judge workflow.begin workflow.train workflow.measure workflow.project "
        "workflow.outcome workflow.executors workflow.pilot workflow.opened_run workflow.run "
        "workflow.rival workflow.search workflow.recommend workflow.own_losses workflow.on_array "
        "sklearn",
        "export.member export.codes export.onnx",
    ),
    (
        "commands.output commands.options commands.answers commands.display commands.own_data "
        "commands.data "
        "commands.evaluate commands.recommend commands.report commands.explore commands.export "
        "commands.run commands.studies commands.summary commands.main",
    ),
)
# `show` runs on a machine without JAX.
ONLY = {"show": {"errors", "axes", "language", "study", "record", "show"}}
# The package itself names what users import from it; all that the package may take is its version.
FACADE = {"latentsweep", "latentsweep.__main__"}

Place = tuple[int, int, int]


def place(module: str) -> Place | None:
    """Layer, group and position of a module in the table; those of a package's file for its own."""
    for layer, groups in enumerate(LAYERS):
        for group, files in enumerate(groups):
            for position, file in enumerate(files.split()):
                if f"{module}.".startswith(f"{file}."):
                    return layer, group, position
    return None


def modules(source: Path) -> dict[str, Path]:
    """Every module below a folder by its dotted name."""
    files = {file.relative_to(source): file for file in sorted(source.rglob("*.py"))}
    dotted = {".".join(name.with_suffix("").parts): file for name, file in files.items()}
    return {name.removesuffix(".__init__"): file for name, file in dotted.items()}


def imported(path: Path, known: set[str]) -> Iterator[str]:
    """What a file imports of the package anywhere in it, functions and TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "latentsweep")
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield "." * node.level + (node.module or "")
            elif node.module and node.module.split(".")[0] == "latentsweep":
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield full if full in known or node.module == "latentsweep" else node.module


def violations(source: Path) -> list[str]:
    """Each import that does not go down, as `importer -> imported`."""
    known = modules(source)
    found = []
    for name, path in known.items():
        if name in FACADE:
            continue
        own = name.removeprefix("latentsweep.")
        if path.name == "__init__.py" and place(own) is None:
            assert not list(imported(path, set(known))), f"{name}: a package that stands nowhere"
            continue
        assert place(own) is not None, f"{name} stands in no layer: put it into the table"
        targets = set(imported(path, set(known))) - {"latentsweep.__version__"}
        found += [f"{own} -> {target}" for target in targets if not _may(own, target)]
    return found


def _may(own: str, target: str) -> bool:
    other = target.removeprefix("latentsweep.")
    here, there = place(own), place(other)
    if here is None or there is None:
        return False
    package = own.split(".")[0]
    if other.split(".")[0] not in ONLY.get(package, {other.split(".")[0]}):
        return False
    if here == there:  # inside one entry of the table: a package of its own, with any order
        return own != other
    return there[0] < here[0] or (there[:2] == here[:2] and there[2] < here[2])


def test_every_import_goes_down():
    assert violations(SOURCE) == []


def test_no_imports_go_round():
    """Inside an entry of the table as well."""
    known = modules(SOURCE)
    below = {n: set(imported(p, set(known))) & set(known) for n, p in known.items()}
    done: set[str] = set(FACADE)
    while len(done) < len(known) + len(FACADE - set(known)):
        free = {n for n in known if n not in done and below[n] - {n} <= done}
        assert free, sorted(set(known) - done)
        done |= free


def test_what_shows_imports_no_model_library():
    for name, path in modules(SOURCE).items():
        if name.startswith(("latentsweep.show", "latentsweep.record", "latentsweep.data")):
            names = {
                alias.name if isinstance(node, ast.Import) else (node.module or "")
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.Import | ast.ImportFrom)
                for alias in node.names
            }
            assert not {n.split(".")[0] for n in names} & {"jax", "equinox", "optax"}, name


def test_what_computes_makes_no_words():
    """It stores facts and reason codes; `show.words` tells them. Headings are marked, not told."""
    told = "latentsweep.answers", "latentsweep.evaluation", "latentsweep.record"
    for name, path in modules(SOURCE).items():
        if name.startswith(told) and name != "latentsweep.record.columns":
            targets = set(imported(path, {"latentsweep.language"}))
            assert "latentsweep.language" not in targets, name


PLANTED = {
    "upwards": ("errors.py", "from latentsweep.study import Study"),
    "upwards in a function": ("data/dataset.py", "def f():\n    import latentsweep.model.vae"),
    "upwards for types": (
        "model/vae.py",
        "if TYPE_CHECKING:\n    from latentsweep.training import fit",
    ),
    "into a neighbour set apart": ("data/dataset.py", "from latentsweep.record import lock"),
    "back into a neighbour": ("record/lock.py", "from latentsweep.data.raw import Raw"),
    "against the order of files": ("model/network.py", "from latentsweep.model.vae import VAE"),
    "from a picture into data": ("show/style.py", "from latentsweep.data.raw import Raw"),
    "from a picture into a model": ("show/style.py", "import latentsweep.model.vae"),
    "relative": ("model/vae.py", "from .network import Encoder"),
    "through the package itself": ("model/vae.py", "from latentsweep import Run"),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_violation_is_found(tmp_path, case):
    file, code = PLANTED[case]
    for name in ("model/vae.py", "model/network.py", "data/raw.py", "record/lock.py", file):
        path = tmp_path / "latentsweep" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "latentsweep" / file).write_text(code)
    found = violations(tmp_path)
    assert len(found) == 1
    assert found[0].startswith(file.removesuffix(".py").replace("/", "."))


def test_a_module_without_a_place_is_found(tmp_path):
    (tmp_path / "latentsweep").mkdir()
    (tmp_path / "latentsweep" / "new.py").write_text("")
    with pytest.raises(AssertionError, match="stands in no layer"):
        violations(tmp_path)
