"""The snippets of docs/own-losses.md are short and whole, and a table like theirs gets its answer.

They need libraries that the tests do without: `benchmarks/snippets.py` runs them.
"""

import ast
import builtins
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from latentsweep.commands.main import main

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LIBRARIES = ["PyTorch", "pythae", "scvi-tools"]


@pytest.fixture
def program(monkeypatch):
    """The program that runs the snippets."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    import snippets

    return snippets


def unknown_names(code: str) -> set[str]:
    """What a snippet reads and nowhere binds."""
    nodes = list(ast.walk(ast.parse(code)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    bound |= {
        (alias.asname or alias.name).split(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return {name.id for name in names} - bound - set(dir(builtins))


def said_names(introduction: str) -> set[str]:
    """The names that an introduction sets as code."""
    return {word for code in re.findall(r"`([^`]+)`", introduction) for word in code.split()}


def test_every_python_block_of_the_page_is_a_snippet_that_is_run(program):
    page = program.PAGE.read_text("utf-8")
    blocks = re.findall(r"^```py\n(.*?)^```", page, re.M | re.S)
    assert blocks == [snippet.code for snippet in program.snippets().values()]
    # Those marked `python` are run by test_documents, where there is no such library.
    assert "```python" not in page
    assert list(program.snippets()) == list(program.LIBRARIES) == LIBRARIES
    assert set(program.ENVIRONMENTS) == set(LIBRARIES)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_snippet_is_short_and_writes_the_four_columns(program, library):
    code = program.snippets()[library].code
    compile(code, library, "exec")
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 15
    assert max(map(len, code.splitlines())) <= 100
    for column in ("latent_size", "seed", "example", "loss"):
        assert f'"{column}"' in code


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_snippet_expects_the_names_that_the_page_says(program, library):
    introduction, code = program.snippets()[library]
    assert "models" in unknown_names(code)
    assert unknown_names(code) <= said_names(introduction)


def test_an_unknown_name_is_found():
    code = "import a.b\nfrom c import d as e\ndef f(g):\n    return [h for h in g if e]\nj(f(a))"
    assert unknown_names(code) == {"j"}


def test_the_answer_on_the_page_is_replaced_whole(program):
    page = program.PAGE.read_text("utf-8")
    assert len(program._ANSWER.findall(page)) == 1
    before, after = program._ANSWER.split(page)
    assert before.endswith("```text\n")
    assert after.startswith("```\n")


def own_losses() -> dict[tuple[int, int], np.ndarray]:
    """Losses of a linear VAE at its optimum, which is probabilistic PCA, on data of 3 factors.

    A seed is a draw of training examples. The model without a latent is a Gaussian of the training
    mean and one variance.
    """
    rng = np.random.default_rng(0)
    factors, mixing = rng.standard_normal((2_000, 3)), rng.standard_normal((3, 12))
    x = factors @ mixing + 0.5 * rng.standard_normal((2_000, 12))
    x_train, x_test = x[:1_500], x[1_500:]
    losses = {
        (size, seed): -PCA(size).fit(rng.choice(x_train, 1_000)).score_samples(x_test)
        for size in (1, 2, 3, 4, 6)
        for seed in (0, 1, 2)
    }
    variance = x_train.var(axis=0).mean()
    squares = np.sum((x_test - x_train.mean(axis=0)) ** 2, axis=1)
    losses[0, 0] = (squares / variance + 12 * np.log(2 * np.pi * variance)) / 2
    return losses


def write_as_the_page_does(losses: dict[tuple[int, int], np.ndarray], path: Path) -> None:
    names = ["latent_size", "seed", "example"]
    rows = pd.DataFrame(losses).unstack()
    if path.suffix == ".csv":
        rows.to_csv(path, index_label=names, header=["loss"])
    else:
        rows.rename_axis(names).rename("loss").reset_index().to_parquet(path)


@pytest.mark.parametrize("name", ["losses.csv", "losses.parquet"])
def test_a_table_of_ones_own_gets_the_right_size(tmp_path, capsys, name):
    write_as_the_page_does(own_losses(), tmp_path / name)
    assert main(["recommend", "--losses", str(tmp_path / name)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"For {name}" in printed
    assert "3 latent dimensions" in printed
    assert re.search(r" 3 3 \S+ \S+ \S+ to \S+ <- the smallest that is enough", printed)
    assert "over the smallest size" not in printed


def test_without_the_model_without_a_latent_the_gain_is_from_the_smallest_size(tmp_path, capsys):
    losses = own_losses()
    del losses[0, 0]
    write_as_the_page_does(losses, tmp_path / "losses.csv")
    assert main(["recommend", "--losses", str(tmp_path / "losses.csv")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "3 latent dimensions" in printed
    assert "over the smallest size" in printed
