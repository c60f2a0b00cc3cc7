"""What answers at once imports nothing heavy; looked up in a fresh process, not timed."""

import json
import shutil
import subprocess
import sys

import pytest

HEAVY = {"jax", "pandas", "matplotlib", "sklearn", "scipy", "equinox", "pyarrow", "openTSNE"}
LOADED = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"


def heavy_after(code: str) -> set[str]:
    process = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True
    )
    return HEAVY & set(json.loads(process.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "command", ["", "run", "summary", "evaluate", "report", "explore", "export", "studies", "data"]
)
def test_help_imports_nothing_heavy(command):
    words = [*command.split(), "--help"]
    assert heavy_after(f"from latentsweep.commands.main import main\nmain({words})") == set()


def test_importing_the_package_imports_nothing_heavy():
    assert heavy_after("import latentsweep\ndir(latentsweep), latentsweep.Study") == set()


def test_the_lists_of_studies_import_nothing_heavy():
    assert heavy_after("from latentsweep.commands.main import main\nmain(['studies'])") == set()


@pytest.mark.parametrize("command", ["summary", "report"])
def test_what_only_shows_needs_no_jax(tiny_run, tmp_path, command):
    run = str(shutil.copytree(tiny_run, tmp_path / "run"))
    main = "from latentsweep.commands.main import main\n"
    assert not {"jax", "equinox"} & heavy_after(f"{main}main([{command!r}, {run!r}])")


def test_every_name_of_the_package_is_there():
    import latentsweep

    for name in latentsweep.__all__:
        assert getattr(latentsweep, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        latentsweep.nonsense  # noqa: B018
