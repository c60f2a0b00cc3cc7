"""Runs on the digits: the same numbers every time, and nothing done twice."""

import contextlib
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from latentsweep import Study, load_study, run
from latentsweep.data.catalogue import load_dataset
from latentsweep.data.sources import digits
from latentsweep.errors import DataError, RunFolderError, StudyError
from latentsweep.evaluation import evaluate
from latentsweep.record.folder import RunFolder
from latentsweep.record.lock import locked
from latentsweep.record.tables import write_table
from latentsweep.training import fit
from latentsweep.training.placement import Placement, available
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.run import choose_study, default_folder, remeasure, settled


def files(folder: Path, *names: str) -> dict[str, bytes]:
    found = [file for name in names for file in folder.glob(name)]
    assert found
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


NUMBERS = ("members/*/*.safetensors", "members/*/history.parquet", "examples.safetensors")


def without_seconds(run) -> dict:
    return run.results.drop(columns="train_seconds").to_dict("list")


def test_the_same_study_twice_is_the_same_bytes(quick, tiny_run):
    again = quick()
    assert files(again.folder.path, *NUMBERS, "projections.parquet") == files(
        tiny_run, *NUMBERS, "projections.parquet"
    )


def test_neither_order_nor_company_changes_a_member(quick, tiny_run):
    alone = quick("a", latent_sizes=[3, 2], objectives=["elbo", "keras-blog"])
    assert list(alone.results["member"])[:2] == ["elbo-k02-s0", "keras-blog-k02-s0"]
    assert files(alone.folder.path, "members/*/*.safetensors") == files(
        tiny_run, "members/*/*.safetensors"
    )


def test_seeds_differ(quick):
    found = quick(seeds=[0, 1], latent_sizes=[2], objectives=["elbo"])
    weights = [m.read_bytes() for m in found.folder.path.glob("members/*/weights.safetensors")]
    assert len(set(weights)) == 2
    assert found.results["loss"].nunique() == 2


def test_a_finished_run_is_left_as_it_is(tiny, tiny_run, tmp_path, notes):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    before = {f: f.stat().st_mtime_ns for f in folder.rglob("*") if f.name != ".lock"}
    run(tiny, folder, observer=notes)
    assert {f: f.stat().st_mtime_ns for f in folder.rglob("*") if f.name != ".lock"} == before
    assert notes.said == [f"{folder} is already complete; --force makes it anew"]
    assert notes.stages == []


def test_only_what_is_missing_is_made_again(tiny, tiny_run, tmp_path, notes, without_report):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    shutil.rmtree(folder / "members" / "elbo-k03-s0")
    (folder / "projections.parquet").unlink()
    (folder / "report.html").unlink()
    table = RunFolder(folder).results()
    write_table(folder / "results.parquet", table[table["member"] != "elbo-k03-s0"])
    kept = folder / "members" / "elbo-k02-s0" / "arrays.safetensors"
    before = kept.stat().st_mtime_ns
    run(tiny, folder, observer=notes)
    assert notes.measured == ["elbo-k03-s0"]
    assert kept.stat().st_mtime_ns == before
    assert files(folder, *NUMBERS) == files(tiny_run, *NUMBERS)
    assert list(RunFolder(folder).results()["member"]) == list(table["member"])


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"epochs": 3}, "epochs: 2 there, 3 here"),
        ({"learning_rate": 0.01, "epochs": 1}, "epochs: 2 there, 1 here"),
        ({"latent_sizes": [2]}, "latent_sizes: [2, 3] there, [2] here"),
        ({"split_seed": 1}, "split_seed: 0 there, 1 here"),
    ],
)
def test_another_study_is_refused_by_its_first_difference(tiny, tiny_run, changes, difference):
    with pytest.raises(RunFolderError) as caught:
        run(tiny, tiny_run, settings=changes)
    assert str(caught.value) == (
        f"{tiny_run}: holds another study ({difference}); choose another folder with -o, or start "
        "anew with --force"
    )


def test_the_same_study_under_another_name_is_the_same(tiny, tiny_run, notes):
    run(tiny.changed({"name": "other", "description": "x"}), tiny_run, observer=notes)
    assert "already complete" in notes.said[0]


def test_a_run_begun_before_a_field_existed_has_its_default(tiny, tiny_run, tmp_path, notes):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    written = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(written.replace('products = "float32"\n', ""))
    assert len(RunFolder(folder).study_path.read_text()) < len(written)
    assert RunFolder(folder).study() == tiny
    run(tiny, folder, observer=notes)
    assert "already complete" in notes.said[0]


def test_other_data_with_the_same_study_is_refused(tiny, tiny_run, monkeypatch):
    there = RunFolder(tiny_run).manifest()["data"]["hash"]
    fewer = digits.read()
    fewer = dataclasses.replace(fewer, values=fewer.values[:-1], labels=fewer.labels[:-1])
    monkeypatch.setattr(digits, "read", lambda _: fewer)
    other = load_dataset(tiny)
    with pytest.raises(RunFolderError) as caught:
        run(tiny, tiny_run)
    assert str(caught.value) == (
        f"{tiny_run}: holds another study (data: SHA-256 {there[:12]}... there, "
        f"{other.hash[:12]}... here); choose another folder with -o, or start anew with --force"
    )


def test_force_starts_anew_and_spares_what_is_not_the_runs(quick, notes):
    folder = quick(latent_sizes=[2]).folder.path
    (folder / "notes.txt").write_text("mine")
    again = quick(latent_sizes=[3], objectives=["elbo"], force=True)
    assert list(again.results["member"]) == ["elbo-k03-s0"]
    assert [m.name for m in (folder / "members").iterdir()] == ["elbo-k03-s0"]
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_folder_in_use_is_refused(tiny, tmp_path):
    with locked(tmp_path), pytest.raises(RunFolderError, match="another process is working on it"):
        run(tiny, tmp_path)


def test_the_status_is_running_until_the_report_is_written(tiny, tmp_path, notes, without_report):
    def fail(folder):
        assert folder.manifest()["status"] == "running"
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latentsweep.workflow.outcome.write_figures", fail)
        with pytest.raises(KeyboardInterrupt):
            run(tiny, tmp_path)
    assert RunFolder(tmp_path).manifest()["status"] == "running"
    with pytest.raises(RunFolderError) as caught:
        remeasure(RunFolder(tmp_path), "full", Observer())
    assert str(caught.value) == (
        f"{tmp_path}: its run is unfinished; the 'latentsweep run' that began it finishes it"
    )
    run(tiny, tmp_path, observer=notes)
    assert (notes.stages, notes.measured) == (["report"], [])  # nothing is done again
    assert RunFolder(tmp_path).manifest()["status"] == "complete"


def test_a_member_that_fails_stops_neither_the_run_nor_the_others(quick, monkeypatch):
    monkeypatch.setattr(fit, "STARTS", 1)
    both = quick("both", latent_sizes=[2], learning_rate=1.0, epochs=3)
    alone = quick("alone", latent_sizes=[2], learning_rate=1.0, epochs=3, objectives=["elbo"])
    rows = both.results.set_index("member")
    assert dict(rows["status"]) == {"keras-blog-k02-s0": "failed", "elbo-k02-s0": "ok"}
    assert dict(rows["failed_epoch"]) == {"keras-blog-k02-s0": 1, "elbo-k02-s0": 0}
    assert files(both.folder.path, "members/elbo*/*.safetensors") == files(
        alone.folder.path, "members/elbo*/*.safetensors"
    )
    failed = "keras-blog-k02-s0"
    assert all(np.isfinite(array).all() for array in both.folder.weights(failed).values())
    assert both.folder.history(failed).empty
    assert list(both.folder.history("elbo-k02-s0")["epoch"]) == [1, 2, 3]
    assert set(both.folder.projections()["member"]) == {"elbo-k02-s0"}


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered")
def test_a_loss_that_is_infinite_only_on_the_test_split_is_a_failure_too(quick, tiny, tmp_path):
    values = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    data = str(tmp_path / "one-huge-value.npy")
    np.save(data, values)
    own = {"data": data, "likelihood": "auto", "objectives": ["keras-blog"]}
    tested = load_dataset(tiny.changed(own)).splits["test"]
    values[tested[0], 1] = 1e15
    np.save(data, values)
    found = quick(**own, latent_sizes=[3], epochs=3)
    row = found.results.iloc[0]
    assert not np.isfinite(row["loss"])
    assert (row["status"], row["failed_epoch"]) == ("failed", 3)
    assert len(found.folder.history("keras-blog-k03-s0")) == 3


def test_a_run_whose_members_all_fail_still_ends_with_a_report(tiny, tmp_path):
    changes = {"learning_rate": 1e30, "latent_sizes": [3]}
    found = run(tiny, tmp_path, settings=changes)
    assert set(found.results["status"]) == {"failed"}
    assert found.folder.projections().empty
    assert "lower learning_rate" in found.folder.report_path.read_text()
    assert found.folder.manifest()["status"] == "complete"


@pytest.mark.parametrize("again", [False, True])
def test_measuring_again_gives_the_same_numbers(tiny_run, tmp_path, notes, again, monkeypatch):
    monkeypatch.setattr("latentsweep.workflow.run.further", lambda *_, **__: [])
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    for arrays in folder.glob("members/*/arrays.safetensors"):
        arrays.unlink()
    remeasure(RunFolder(folder), "usual", notes, again=again)
    kept = (*NUMBERS, "results.parquet", "projections.parquet")
    assert files(folder, *kept) == files(tiny_run, *kept)
    assert notes.measured == list(RunFolder(folder).results()["member"])
    assert notes.stages == (
        ["measuring", "evaluating", "t-SNE"] if again else ["measuring", "evaluating"]
    )


def test_the_test_split_is_measured_with_as_many_draws_as_the_study_says(
    tiny_run, tmp_path, monkeypatch
):
    folder, asked = shutil.copytree(tiny_run, tmp_path / "run"), []
    study = folder / "study.toml"
    study.write_text(study.read_text().replace("draws = 16", "draws = 3"))
    measured = evaluate.measured

    def asking(trained, values, draws):
        asked.append((len(values), draws))
        return measured(trained, values, draws)

    monkeypatch.setattr(evaluate, "measured", asking)
    remeasure(RunFolder(folder), "basic", Observer())
    assert asked == [(359, 3)] * 4


def test_running_and_measuring_keep_their_programs(quick, tiny_run, tmp_path, monkeypatch, notes):
    asked = []

    @contextlib.contextmanager
    def kept():
        asked.append("begun")
        yield
        asked.append("ended")

    monkeypatch.setattr("latentsweep.workflow.run.kept_programs", kept)
    quick(latent_sizes=[2], objectives=["elbo"])
    assert asked == ["begun", "ended"]
    shutil.copytree(tiny_run, tmp_path / "again")
    remeasure(RunFolder(tmp_path / "again"), "basic", notes)
    assert asked == ["begun", "ended"] * 2


def test_a_run_goes_on_where_there_is_no_such_kernel(tmp_path, tiny, notes, monkeypatch):
    """It says that the last digits may differ, and ends with nearly the same weights."""
    from latentsweep.workflow import train as stage

    def stop(*_):
        raise KeyboardInterrupt

    settings = {"latent_sizes": [2], "objectives": ["elbo"]}
    with monkeypatch.context() as patch:
        patch.setattr(stage.fit, "fit", stop)
        patch.setattr(stage, "complaint", lambda: "the kernel failed")
        with pytest.raises(KeyboardInterrupt):
            run(tiny, tmp_path, settings=settings, observer=notes)
    assert notes.said == ["the kernel failed"]
    plan = tmp_path / "passes" / "p00" / "plan.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "fused": True}))
    monkeypatch.setattr(stage, "is_here", lambda rule: not rule.fused)
    monkeypatch.setattr("latentsweep.workflow.measure.load_trained", stop)
    with pytest.raises(KeyboardInterrupt):
        run(tiny, tmp_path, settings=settings, observer=notes)
    assert notes.said[1:] == [
        "elbo-k02-s0: begun with a kernel that this machine has not; numbers may differ in the "
        "last digits"
    ]
    assert (tmp_path / "members" / "elbo-k02-s0" / "weights.safetensors").exists()


def test_a_run_takes_only_the_devices_for_which_there_is_memory(quick, monkeypatch):
    first = available().devices[:1]
    heard = []

    def tight(placement, footprint):
        heard.append(footprint)
        return Placement(first, placement.mapping), 1

    monkeypatch.setattr("latentsweep.workflow.train.fitting", tight)
    found = quick(objectives=["elbo"])
    plans = [json.loads(p.read_text()) for p in found.folder.path.glob("passes/*/plan.json")]
    assert [plan["devices"] for plan in plans] == [1, 1]
    assert heard[0].data == 1438 * 64
    assert heard[0].member > 0


def test_seconds_add_up_over_the_stages(tiny_run):
    seconds = RunFolder(tiny_run).manifest()["seconds"]
    assert list(seconds) == ["compile", "train", "evaluate", "project", "answer", "report"]


def test_a_run_without_a_folder_is_named_after_study_or_data():
    study = load_study("digits")
    assert default_folder(study, None) == Path("runs/digits")
    assert default_folder(study, "some/where/my file.npy") == Path("runs/my file")
    assert default_folder(study, "mnist") == Path("runs/mnist")


@pytest.mark.parametrize(("at_hand", "name"), [(True, "mnist"), (False, "digits")])
def test_without_a_study_it_is_mnist_if_that_can_be_had(monkeypatch, at_hand, name):
    monkeypatch.setattr("latentsweep.workflow.run.mnist_at_hand", lambda: at_hand)
    assert choose_study(None, None) == load_study(name)


def test_a_named_study_never_falls_back(monkeypatch):
    monkeypatch.setattr("latentsweep.workflow.run.mnist_at_hand", lambda: 1 / 0)
    assert choose_study("mnist", None) == load_study("mnist")
    assert choose_study(None, "digits") == load_study("digits")


@pytest.mark.parametrize(
    ("data", "name"), [("a/my.npy", "my"), ("my file (2).npz", "my-file-2-"), ("größe.npy", "gr-e")]
)
def test_data_alone_makes_a_study_named_after_it(data, name):
    study = choose_study(None, data)
    assert (study.name, study.data, study.description) == (name, data, f"A family on {data}")
    assert study.changed({"name": "x", "data": "mnist", "description": ""}) == Study(name="x")


def test_data_that_is_no_text_is_refused():
    with pytest.raises(StudyError) as caught:
        choose_study(None, 5)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "study 5: data: input should be a valid string, got 5; data is a known data set, or "
        "the path of a table, an array or a folder of images"
    )


def test_a_file_or_folder_is_known_by_its_whole_path(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "mnist").mkdir()
    assert settled(tiny, {"data": "images"}).data == str(tmp_path / "images")
    assert settled(tiny, {"data": "my.csv"}).data == str(tmp_path / "my.csv")
    assert settled(tiny, {"data": "my.npy"}).data == str(tmp_path / "my.npy")
    assert settled(tiny, {"data": "mnist"}).data == "mnist"
    assert settled(tiny, {}) == tiny


def test_unknown_data_is_refused_before_a_folder_is_made(tiny, tmp_path):
    with pytest.raises(DataError, match="'nonsense'"):
        run(tiny, tmp_path / "run", settings={"data": "nonsense"})
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_field_is_refused(tiny, tmp_path):
    with pytest.raises(StudyError, match=r"unknown field 'zdim'; did you mean 'latent_sizes'\?"):
        run(tiny, tmp_path / "run", settings={"zdim": 3})
