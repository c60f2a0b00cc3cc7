"""A run on data that counts as larger than memory: what is said, and the numbers of any run."""

import json

import jax
import numpy as np
import pytest

from latentsweep.commands.main import main
from latentsweep.data import dataset
from latentsweep.training import cost, supply
from latentsweep.training.placement import Footprint, Placement, holds

N = 400


@pytest.fixture
def array(tmp_path, monkeypatch):
    """A file that counts as large, of which 60 examples a split are measured."""
    monkeypatch.setattr(dataset, "LARGE_VALUES", 1000)
    monkeypatch.setattr(dataset, "_MOST_MEASURED", 60)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "my.npy", (rng.normal(size=(N, 2)) @ rng.normal(size=(2, 6))).astype("f4"))
    return tmp_path / "my.npy"


def ran(array, folder, *more):
    study = ["--latents", "2", "--objective", "elbo", "--epochs", "1", "--seeds", "2"]
    settings = ["--set", "hidden_size=4", "--set", "projected_examples=20"]
    command = ["run", "--data", str(array), "-o", str(folder), *study, *settings, *more]
    assert main(command) == 0


@pytest.fixture
def read_from_the_disk(monkeypatch):
    monkeypatch.setattr(cost, "holds", lambda *_: False)
    monkeypatch.setattr(supply, "CHUNK_BYTES", 2**12)


def test_the_plan_says_what_is_measured_and_what_reading_costs(
    array, tmp_path, capsys, read_from_the_disk
):
    ran(array, tmp_path / "run", "--dry-run")
    said = capsys.readouterr().out
    assert "networks are measured on at most 60 examples of a split, drawn at random" in said
    assert "larger than memory: 0.0 GiB are read from the disk as networks train, about" in said


@pytest.mark.slow
def test_weights_are_the_same_and_the_manifest_says_what_was_measured(array, tmp_path, monkeypatch):
    monkeypatch.setattr("latentsweep.workflow.outcome.write_figures", lambda _: None)
    monkeypatch.setattr(
        "latentsweep.workflow.outcome.write_report", lambda folder: folder.report_path.touch()
    )
    ran(array, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(cost, "holds", lambda *_: False)
        patch.setattr(supply, "CHUNK_BYTES", 2**12)
        ran(array, tmp_path / "read")
    for member in ("elbo-k02-s0", "elbo-k02-s1"):
        for file in ("weights.safetensors", "arrays.safetensors"):
            both = [tmp_path / run / "members" / member / file for run in ("whole", "read")]
            assert both[0].read_bytes() == both[1].read_bytes()
    data = json.loads((tmp_path / "read" / "manifest.json").read_text())["data"]
    assert data["splits"] == {"train": 320, "test": 80}
    assert data["measured"] == {"train": 60, "test": 60}
    assert data["hash_of"] == "a sample"


def test_data_is_held_where_it_fits_twice(monkeypatch):
    placement = Placement((jax.devices()[0],), "map")
    monkeypatch.setattr("latentsweep.data.memory.free_memory", lambda: 1000)
    assert holds(placement, Footprint(data=350, member=100))
    assert not holds(placement, Footprint(data=351, member=100))
