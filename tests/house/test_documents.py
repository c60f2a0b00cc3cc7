"""What the documents say is what the code does: snippets run, and made pages are up to date."""

import importlib.util
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from latentsweep.commands.main import main
from latentsweep.study import Study
from latentsweep.workflow import outcome
from latentsweep.workflow import run as workflow_run

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
SMALL = {"epochs": 1, "hidden_size": 16, "projected_examples": 50, "draws": 2}


def blocks(page: Path, *languages: str) -> list[str]:
    found = BLOCK.findall(page.read_text("utf-8"))
    return [code for language, code in found if language in languages]


def commands(page: Path) -> list[list[str]]:
    """The latentsweep command lines of a page's console blocks, without what they print."""
    lines = [
        line.strip().removeprefix("$ ")
        for block in blocks(page, "console", "sh", "bash", "shell")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    split = [shlex.split(line, comments=True) for line in lines if line.startswith("latentsweep ")]
    return [words[1:] for words in split]


@pytest.fixture
def small_world(tmp_path, monkeypatch):
    """An empty folder with a file of one's own; every study is small and draws no pictures."""
    monkeypatch.chdir(tmp_path)
    np.save("my.npy", np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8))
    choose = workflow_run.choose_study

    def small(name: str | None, data: str | None) -> Study:
        return choose(name, data).changed(SMALL if data else {**SMALL, "data": "digits"})

    monkeypatch.setattr(workflow_run, "choose_study", small)
    monkeypatch.setattr(workflow_run, "mnist_at_hand", lambda: False)
    monkeypatch.setattr(outcome, "write_figures", lambda _: None)
    monkeypatch.setattr(outcome, "write_report", lambda folder: folder.report_path.touch())


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_python_snippets_run(page, small_world):
    names = {"images": load_digits().images, "__name__": "__main__"}
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_command_lines_are_understood(page, small_world, capsys):
    for words in commands(page):
        if words[0] == "run":
            assert main([*words, "--dry-run"]) == 0, (words, capsys.readouterr().err)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_command_lines_run(page, small_world, capsys):
    for words in commands(page):
        given = ["--budget=20s"] if words[0] == "recommend" and "--budget" not in words else []
        assert main([*words, *given]) == 0, (words, capsys.readouterr().err)


def test_snippets_and_command_lines_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 1\n```\n\n```console\n$ latentsweep run digits \\\n    -o 'a b'\nprinted\n"
        "$ pip install latentsweep\n```\n```text\nlatentsweep data\n```\n"
    )
    assert blocks(page, "python") == ["x = 1\n"]
    assert commands(page) == [["run", "digits", "-o", "a b"]]


@pytest.mark.parametrize("name", ["cli", "study"])
def test_a_made_page_is_what_its_generator_makes(name):
    path = ROOT / "docs" / f"make_{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text("utf-8") == module.page(), f"run: python docs/make_{name}.py"


@pytest.mark.parametrize("field", Study.model_fields)
def test_every_field_of_a_study_is_documented(field):
    rows = re.findall(rf"^\| `{field}` \|.*", (ROOT / "docs" / "study.md").read_text("utf-8"), re.M)
    assert len(rows) == 1
    info = Study.model_fields[field]
    assert str(info.description) in rows[0]
    assert f"| {info.json_schema_extra['differs']} |" in rows[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_into_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


def test_no_file_names_a_folder_of_one_machine():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = re.compile("|".join(f"/{name}/" for name in ("work", "root", "home")).encode())
    own = Path(__file__).resolve()
    files = [path for name in names.splitlines() if (path := ROOT / name).is_file()]
    assert [str(p) for p in files if p.resolve() != own and folders.search(p.read_bytes())] == []
