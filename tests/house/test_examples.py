"""Every example runs to its end as it stands, is short, and says what it promises."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def loaded(name: str):
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells() -> list[str]:
    """The code of the notebook."""
    notebook = json.loads((EXAMPLES / "choosing_a_size.ipynb").read_text("utf-8"))
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def test_examples_are_complete_and_under_50_lines():
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert len(scripts) >= 4
    for script in scripts:
        assert len(script.read_text("utf-8").splitlines()) < 50, script.name
    assert sum(len(code.splitlines()) for code in cells()) < 50


def test_losses_of_factor_analyses_get_their_five_factors(capsys):
    loaded("someone_elses_losses").main()
    assert "size 5, 90 % set [5, 5]" in capsys.readouterr().out


@pytest.mark.slow
def test_a_folder_of_discs_is_seen_and_reconstructed(tmp_path, capsys):
    from PIL import Image

    loaded("own_images").main(tmp_path)
    assert "elbo-k04-s0" in capsys.readouterr().out
    left, right = (Image.open(tmp_path / "both.png").crop((x, 0, x + 128, 384)) for x in (0, 128))
    for place, dominant in enumerate((0, 1, 2)):
        for half in (left, right):
            pixels = np.asarray(half.crop((0, 128 * place, 128, 128 * (place + 1)))).reshape(-1, 3)
            darkest = pixels[pixels.sum(axis=1).argmin()]
            assert darkest.argmax() == dominant


@pytest.mark.slow
def test_a_table_with_gaps_is_answered(tmp_path, capsys):
    loaded("a_table").main(str(tmp_path / "run"), budget=5.0)
    said = capsys.readouterr().out
    assert "of which each seed holds out another 14" in said
    assert "nats behind the best" in said


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known: dict[str, object] = {}
    for code in cells():
        exec(code.replace("budget=60", "budget=5"), known)
    assert (tmp_path / "runs" / "iris-notebook" / "report.html").exists()
    assert "<table" in known["found"]._repr_html_()
