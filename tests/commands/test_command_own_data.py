"""A user's own table, images and arrays, from the command line and from Python to a run folder."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import latentsweep as ls
from latentsweep.data.dataset import Scale
from latentsweep.record.folder import RunFolder
from latentsweep.show.explorer.content import content
from latentsweep.workflow import run as workflow_run

RANDOM = np.random.default_rng(0)
SMALL = ["--set", "hidden_size=8", "--set", "epochs=1", "--set", "draws=1", "--latents", "2"]
SETTINGS = {"hidden_size": 8, "epochs": 1, "draws": 1, "projected_examples": 20}
PARTS = ["--label", "kind", "--id", "name", "--drop", "when", "--drop", "site"]


@pytest.fixture
def table(tmp_path):
    """A table of three units, with labels, names, sites and times."""
    n = 80
    units = np.array([1.0, 100.0, 1e4])
    frame = pd.DataFrame(RANDOM.normal(3, 1, (n, 3)) * units, columns=["low", "middle", "high"])
    frame["kind"] = RANDOM.choice(["a", "b"], n)
    frame["name"] = [f"row {i}" for i in range(n)]
    frame["site"] = np.arange(n) // 8
    frame["when"] = pd.date_range("2024-01-01", periods=n, freq="h").astype(str)
    frame.to_csv(tmp_path / "my.csv", index=False)
    return frame


@pytest.fixture
def begun(monkeypatch):
    """Runs end once their folder holds what stands there before the first step."""

    def only_begin(here, *, force, command):
        if here.run.manifest_path.exists():
            workflow_run.check_same(here.run, here.experiment)
        else:
            workflow_run.begin(here.run, here.experiment, command)

    monkeypatch.setattr(workflow_run, "execute", only_begin)


def test_a_table_is_said_trained_on_and_kept_by_name(cli, tmp_path, table, monkeypatch):
    monkeypatch.setattr("latentsweep.workflow.outcome.write_figures", lambda _: None)
    monkeypatch.setattr(
        "latentsweep.workflow.outcome.write_report", lambda folder: folder.report_path.touch()
    )
    line = ["run", "--data", "my.csv", *PARTS, *SMALL, "--objective", "elbo"]
    ended = cli(*line)
    assert (ended.code, ended.err) == (0, "")
    assert "data    my: 64 to train, 16 to test; 3 each; gaussian likelihood" in ended.out
    assert "of each column, since their units differ; --scale" in ended.out
    assert f"labels  2: a ({(table['kind'] == 'a').sum()}), b (" in ended.out
    folder = RunFolder(tmp_path / "runs" / "my")
    data, ids = folder.manifest()["data"], folder.ids()
    assert data["columns"] == ["low", "middle", "high"]
    assert [len(data["scale"][name]) for name in ("offset", "factor")] == [3, 3]
    assert sorted(ids["id"]) == sorted(table["name"])
    tested = ids[ids["split"] == "test"].set_index("example")["id"].sort_index()
    rows = table.set_index("name").loc[tested, data["columns"]].to_numpy(np.float32)
    model = ls.Run.opened(folder.path).model("elbo", 2)
    codes = folder.arrays("elbo-k02-s0")["test/codes"]
    np.testing.assert_allclose(model.encode(rows), codes, atol=1e-4)
    assert (model.sample(50).mean(axis=0) / [3, 300, 3e4]).round() == pytest.approx(1)
    check_what_is_shown(folder, rows)
    assert "is already complete" in cli(*line).out
    assert "split_by: '' there, 'site' here" in cli(*line, "--split-by", "site").err


def check_what_is_shown(folder, rows):
    """What is shown of columns with a scale each is what the network sees."""
    scale = Scale.from_json(folder.manifest()["data"]["scale"])
    shown = folder.examples()
    expected = scale(rows[shown.indices], np.float32)
    np.testing.assert_allclose(shown.values, expected, atol=1e-5)
    assert np.abs(folder.arrays("elbo-k02-s0")["shown/decodes"]).max() < 5
    page = content(folder)
    assert (page["offset"], page["factor"]) == (0, 1)
    json.dumps(page)


def test_options_and_settings_mean_the_same(cli, tmp_path, table):
    one = cli(
        "run",
        "--data",
        "my.csv",
        "--label",
        "kind",
        "--drop",
        "name",
        "--drop",
        "when",
        "--split-by",
        "site",
        "--scale",
        "minmax",
        "--missing",
        "drop",
        "--dry-run",
    )
    other = cli(
        "run",
        "--data",
        "my.csv",
        "--set",
        "label=kind",
        "--set",
        "drop=name,when",
        "--set",
        "split_by=site",
        "--set",
        "scale=minmax",
        "--set",
        "missing=drop",
        "--dry-run",
    )
    assert one.code == 0
    assert one.out.rpartition("price")[0] == other.out.rpartition("price")[0]
    assert "3 each; gaussian likelihood\n" in one.out
    assert "scale   by the least and greatest value of each column\n" in one.out
    assert "note    split by site: 10 groups, none divided" in one.out


def test_a_dry_run_of_a_recommendation_says_what_is_found_and_stops(cli, tmp_path):
    ended = cli("recommend", "breast_cancer", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith(
        "data    breast_cancer: 455 to train (each seed holds out another 45), 114 to test; 30 each"
    )
    assert lines[4].startswith("network dense, 64 ReLU units each way, 78 epochs, about 0.")
    assert lines[5].startswith("first   40 networks")
    assert [line.split()[0] for line in lines] == [
        *("data", "values", "scale", "labels", "network", "first", "folder")
    ]
    assert not list(tmp_path.iterdir())


def test_a_folder_of_images_is_read_and_its_whole_path_is_kept(cli, tmp_path, begun):
    for i in range(12):
        pixels = RANDOM.integers(0, 256, (8 + i % 2, 8, 3), np.uint8)
        path = tmp_path / "my images" / ("cat" if i % 3 else "dog") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    refused = cli("run", "--data", "my images/", "--dry-run")
    assert refused.code == 2
    assert "--resize 32 makes all of them 32 x 32" in refused.err
    ended = cli("run", "--data", "my images/", "--resize", 8, "--dry-run")
    assert ended.code == 0
    assert "data    my images: 10 to train, 2 to test; 8 x 8 x 3 each; gaussian" in ended.out
    run = ls.run(data="my images/", settings={**SETTINGS, "resize": 8})
    assert run.folder.path.as_posix() == "runs/my images"
    assert run.study.data == str(tmp_path / "my images")
    assert run.folder.ids()["id"].str.endswith(".png").all()


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_data_of_a_program_is_kept_so_that_its_run_can_go_on(tmp_path, monkeypatch, begun, kind):
    monkeypatch.chdir(tmp_path)
    values = RANDOM.normal(size=(60, 4))
    data = values if kind == "array" else pd.DataFrame(values, columns=list("abcd"))
    labels = np.arange(60) % 2
    asked = {"labels": labels, "latents": [2], "settings": SETTINGS}
    run = ls.run(data=data, **asked)
    assert run.folder.path.as_posix() == "runs/data"
    assert run.folder.manifest()["data"]["label_names"] == ["0", "1"]
    assert ls.run(data=data, **asked).study == run.study
    with pytest.raises(ls.LatentsweepError, match="holds another study"):
        ls.run(data=data + 1, **asked)


def test_python_takes_names_and_paths_too(tmp_path, table, begun):
    changes = {**SETTINGS, "id": "name", "drop": ["when", "site"]}
    run = ls.run(
        data=tmp_path / "my.csv",
        labels="kind",
        latents=[2],
        settings=changes,
        output=tmp_path / "run",
    )
    assert run.study.label == "kind"


def test_the_bundled_tables_are_listed(cli):
    out = cli("data").out
    for name in ("iris", "wine", "breast_cancer", "diabetes", "linnerud"):
        assert f"\n{name:16}" in out
