"""A user's own arrays, from file to model."""

import dataclasses

import numpy as np
import pytest

import latentsweep
from latentsweep.data.catalogue import load_dataset
from latentsweep.data.dataset import Scale
from latentsweep.data.splits import split
from latentsweep.record.folder import RunFolder
from latentsweep.study import Study
from latentsweep.training.experiment import Experiment
from latentsweep.workflow.begin import as_begun, begin, check_same
from latentsweep.workflow.run import remeasure

SETTINGS = {"epochs": 2, "hidden_size": 8, "projected_examples": 20, "objectives": "elbo"}


@pytest.fixture
def table():
    """A table whose columns are two hidden causes and noise, far from 0 and wide."""
    rng = np.random.default_rng(0)
    causes = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5))
    return (1000 + 50 * (causes + 0.1 * rng.normal(size=(60, 5)))).astype(np.float32)


def test_a_table_of_real_numbers_gets_a_gaussian(table, tmp_path, monkeypatch, without_report):
    monkeypatch.chdir(tmp_path)
    np.save("my table.npy", table)
    run = latentsweep.run(latents=[2], settings={**SETTINGS, "data": "my table.npy"})
    assert str(run.folder.path) == "runs/my table"
    data = run.folder.manifest()["data"]
    assert (data["likelihood"], data["image"], data["label_names"]) == ("gaussian", False, None)
    assert data["source"] == str(tmp_path / "my table.npy")
    assert run.folder.manifest()["bounds"]["entropy_floor"] is None
    train = data["scale"]
    np.testing.assert_allclose([train["offset"], train["factor"]], [1000, 100], rtol=0.6)

    model = run.model("elbo", 2)
    decoded = model.reconstruct(table)
    assert decoded.shape == table.shape
    assert abs(decoded.mean() - table.mean()) < table.std()  # the data's own unit
    shown = run.folder.examples()
    assert shown.values.dtype == np.float32
    assert shown.labels is None
    originals = table[split(len(table), 0.2, 0)["test"]][shown.indices]
    np.testing.assert_allclose(shown.values, originals, rtol=1e-5)
    assert run.folder.weights("elbo-k02-s0")["shared"].shape == ()
    assert 0 < run.folder.weights("elbo-k02-s0")["shared"] < 10


def test_such_a_run_goes_on_from_another_folder(
    table, tmp_path, monkeypatch, notes, without_report
):
    monkeypatch.chdir(tmp_path)
    np.save("table.npy", table)
    settings = {**SETTINGS, "data": "table.npy"}
    latentsweep.run(output="run", latents=[2], settings=settings)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    before = RunFolder(tmp_path / "run").results()
    remeasure(RunFolder(tmp_path / "run"), "basic", notes)
    assert before.equals(RunFolder(tmp_path / "run").results())


@pytest.fixture
def counts(tmp_path):
    """The study of counts, its likelihood left open, and their file."""
    path = tmp_path / "counts.npy"
    np.save(path, np.random.default_rng(2).poisson(1.5, size=(60, 4)))
    study = Study(name="counts", latent_sizes=(2,), **SETTINGS)
    return study.changed({"data": str(path)})


def test_an_older_run_keeps_the_likelihood_of_its_manifest(counts, tmp_path):
    """Whatever auto would choose now, and with it the scale."""
    folder = RunFolder(tmp_path / "old")
    gaussian = counts.changed({"likelihood": "gaussian"})
    begin(folder, Experiment(gaussian, load_dataset(gaussian)), "test")
    folder.study_path.write_text(counts.to_toml())
    scale = folder.manifest()["data"]["scale"]
    assert load_dataset(counts).scale == Scale(0.0, 1.0)
    kept = as_begun(folder, counts)
    assert kept.likelihood == "gaussian"
    assert dataclasses.asdict(load_dataset(kept).scale) == scale
    check_same(folder, Experiment(kept, load_dataset(kept)))
    assert as_begun(folder, other := counts.changed({"data": "iris"})) == other
    assert as_begun(RunFolder(tmp_path / "new"), counts) == counts


@pytest.mark.slow
def test_counts_get_a_negative_binomial_and_stay_as_they_are(counts, tmp_path):
    run = latentsweep.run(counts, tmp_path / "run")
    data = run.folder.manifest()["data"]
    assert data["likelihood"] == "negative-binomial"
    assert data["scale"] == {"offset": 0.0, "factor": 1.0}
    assert run.folder.weights("elbo-k02-s0")["decoder/output/bias"].shape == (8,)
    assert run.folder.study().likelihood == "auto"
    assert "negative binomial" in run.folder.report_path.read_text("utf-8")
    shown = run.folder.examples().values
    assert (shown % 1 == 0).all()
    assert run.results["neg_elbo"].between(0, 20).all()


def test_an_archive_brings_its_labels_and_its_test_split(tmp_path, without_report):
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, size=(40, 6, 6), dtype=np.uint8)
    names = np.array(["cat", "dog"] * 20)
    np.savez(
        tmp_path / "own.npz",
        x_train=pictures[:30],
        x_test=pictures[30:],
        y_train=names[:30],
        y_test=names[30:],
    )
    settings = {**SETTINGS, "data": str(tmp_path / "own.npz")}
    run = latentsweep.run(output=tmp_path / "run", latents=[1, 2], settings=settings)
    data = run.folder.manifest()["data"]
    assert data["splits"] == {"train": 30, "test": 10}
    assert (data["likelihood"], data["image"]) == ("gaussian", True)
    assert data["label_names"] == ["cat", "dog"]
    shown = run.folder.examples()
    np.testing.assert_array_equal(shown.labels, [0, 1] * 5)
    np.testing.assert_array_equal(shown.values[..., 0], pictures[30:][shown.indices])
    one = run.folder.projections().query("member == 'elbo-k01-s0'")
    assert (one["y"] == 0).all()
    assert set(one["method"]) == {"codes"}
    assert not [name for name in run.folder.arrays("elbo-k01-s0") if "grid" in name]
