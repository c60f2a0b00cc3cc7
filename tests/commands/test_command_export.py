"""`latentsweep export` on a finished run."""

import json
import shutil
import subprocess
import sys

import pytest

from latentsweep.record.folder import RunFolder
from latentsweep.record.lock import locked


@pytest.fixture
def copy(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


def test_export_writes_two_files_and_says_what_is_in_them(cli, copy):
    ended = cli("export", copy, "--latent", 3)
    folder = copy / "export"
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"Wrote {folder / 'elbo-k03-s0-encoder.onnx'}: x [N, 8, 8, 1] -> mean [N, 3], sigma [N, 3]",
        f"Wrote {folder / 'elbo-k03-s0-decoder.onnx'}: z [N, 3] -> x [N, 8, 8, 1], "
        "parameters [N, 1, 64]",
        "Open them with ONNX Runtime; x is in the unit of the data.",
    ]
    names = ["elbo-k03-s0-decoder.onnx", "elbo-k03-s0-encoder.onnx"]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_export_of_another_objective_into_another_folder(cli, copy, tmp_path):
    words = ["--latent", 2, "--objective", "keras-blog", "--seed", 0, "--to", "onnx"]
    ended = cli("export", copy, *words, "-o", tmp_path / "mine" / "here")
    assert (ended.code, ended.err) == (0, "")
    assert {path.name for path in (tmp_path / "mine" / "here").iterdir()} == {
        "keras-blog-k02-s0-encoder.onnx",
        "keras-blog-k02-s0-decoder.onnx",
    }
    assert not (copy / "export").exists()


def test_export_of_the_codes_says_how_to_look_at_them(cli, copy):
    ended = cli("export", copy, "--latent", 3, "--to", "parquet")
    path = copy / "export" / "elbo-k03-s0-codes.parquet"
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"Wrote {path}: 359 test examples; index, split, row, label, z1 to z3, x, y, neg_elbo",
        "50 of them were projected and have x and y; the query shows those alone.",
        f"Open it with: embedding-atlas {path} --x x --y y --query "
        '"SELECT * FROM data WHERE x IS NOT NULL"',
    ]
    assert path.exists()


def test_codes_that_are_all_projected_need_no_query(cli, copy):
    folder = RunFolder(copy)
    panel = folder.projections().drop_duplicates("example").iloc[:1]
    every = panel.loc[panel.index.repeat(359)].assign(member="elbo-k02-s0", example=range(359))
    folder.write_projections(every)
    ended = cli("export", copy, "--latent", 2, "--to", "parquet")
    path = copy / "export" / "elbo-k02-s0-codes.parquet"
    assert ended.out.splitlines()[1:] == [f"Open it with: embedding-atlas {path} --x x --y y"]


def test_codes_of_a_network_that_was_not_projected(cli, copy):
    (copy / "projections.parquet").unlink()
    ended = cli("export", copy, "--latent", 2, "--to", "parquet")
    path = copy / "export" / "elbo-k02-s0-codes.parquet"
    assert ended.out.splitlines() == [
        f"Wrote {path}: 359 test examples; index, split, row, label, z1 to z2, neg_elbo",
        "It has no x and y, since the run did not project this network.",
        f"Open {path}",
    ]


MISTAKES = {
    "": "latent: one of the run's latent sizes is needed (2, 3), got none; write e.g. --latent 2",
    "--latent 5": "latent: one of the run's latent sizes is needed (2, 3), got 5; write e.g. "
    "--latent 2",
    "--latent 2 --seed 4": "seed: one of the network's seeds is needed (0), got 4; write e.g. "
    "--seed 0",
    "--latent 2 --objective elbo_b4": "objective: one of the run's objectives is needed (elbo, "
    "keras-blog), got elbo_b4; write e.g. --objective elbo",
    "--latents 2": "unknown option --latents; did you mean '--latent'?",
    "--latent-size 2": "unknown option --latent-size; did you mean '--latent'?",
    "--seeds 2": "unknown option --seeds; did you mean '--seed'?",
    "--latent 2 --to onxx": "Invalid value for '--to': 'onxx' is not one of 'onnx', 'parquet'.",
    "--latent 2 -o run/study.toml": "run/study.toml/elbo-k02-s0-encoder.onnx: cannot be written "
    "(File exists); choose another folder with -o",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(cli, copy, line):
    ended = cli("export", "run", *line.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"latentsweep: {MISTAKES[line]}\n"
    assert not (copy / "export").exists()


def test_no_run_and_no_onnx_are_one_line_each(cli, copy, monkeypatch):
    assert "holds no run (no manifest.json)" in cli("export", "none", "--latent", 2).err
    monkeypatch.setitem(sys.modules, "onnx", None)
    ended = cli("export", copy, "--latent", 2)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("is needed, got none; pip install 'latentsweep[onnx]'\n")
    assert cli("export", copy, "--latent", 2, "--to", "parquet").code == 0


def test_a_run_that_is_being_worked_on_is_left_alone(cli, copy):
    with locked(copy):
        ended = cli("export", copy, "--latent", 2)
    assert ended.code == 2
    assert "another process is working on it" in ended.err


LOADED = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--help"], {"jax", "pandas", "onnx", "pyarrow"}),
        (["run", "--latent", "2"], {"matplotlib", "sklearn"}),
        (["run", "--latent", "2", "--to", "parquet"], {"jax", "equinox", "matplotlib"}),
    ],
)
def test_export_loads_what_it_needs(copy, words, heavy):
    code = f"from latentsweep.commands.main import main\nmain({['export', *words]})\n{LOADED}"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=copy.parent
    )
    assert not heavy & set(json.loads(ended.stdout.splitlines()[-1]))
