"""What a search measures is sized to its budget; one that goes on measures what it began with."""

import dataclasses
import time

import numpy as np
import pytest

from latentsweep.data.dataset import Dataset, Scale
from latentsweep.errors import RunFolderError
from latentsweep.record.folder import RunFolder
from latentsweep.workflow import sample, search
from latentsweep.workflow.begin import begin, check_same
from latentsweep.workflow.recommend import prepared
from latentsweep.workflow.run import keep_members
from latentsweep.workflow.sample import as_measured, sized, trainable
from latentsweep.workflow.search import search_study, suited
from latentsweep.workflow.tasks import timed

RATE = 1e11


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.setattr(sample, "product_rate", lambda: RATE)


def data(examples: int, features: int = 8) -> Dataset:
    values = np.random.default_rng(0).normal(size=(examples, features)).astype(np.float32)
    parts = np.arange(examples, dtype=np.int32)
    splits = {"train": parts[examples // 5 :], "test": parts[: examples // 5]}
    return Dataset("made", "here", values, Scale(0.0, 1.0), splits)


def measured_of(dataset: Dataset) -> dict[str, int]:
    return {name: len(dataset.measured(i)) for name, i in dataset.splits.items()}


def test_what_is_measured_grows_with_the_budget_until_it_is_all():
    study, whole = search_study("s", "data"), data(500_000)
    counts = [len(sized(study, whole, 6, b).measured(whole.splits["test"])) for b in (1, 60, 600)]
    assert counts[0] == 2_000
    assert 2_000 < counts[1] < counts[2] <= 100_000
    assert sized(study, whole, 6, 1e6) is whole
    assert sized(study, whole, 6, float("inf")) is whole
    few = data(10_000)
    assert sized(study, few, 6, 1e-6) is few


def test_mnist_is_measured_whole_in_the_usual_time():
    study = search_study("s", "data").changed({"hidden_size": 512, "latent_sizes": [32]})
    parts = np.arange(70_000, dtype=np.int32)
    splits = {"train": parts[10_000:], "test": parts[:10_000]}
    mnist = Dataset("m", "here", np.zeros((70_000, 784), np.uint8), Scale(0.0, 255.0), splits)
    most = sized(study, mnist, 8, 600.0).most
    assert most is None or most > 10_000


def test_a_search_holds_out_no_more_than_it_measures():
    study, whole = suited(search_study("s", "data"), data(600_000), budget=60.0)
    assert whole.most is not None
    assert len(whole.splits["validation"]) == pytest.approx(whole.most, rel=0.01)
    assert set(measured_of(whole).values()) <= {whole.most, len(whole.splits["validation"])}
    everything = suited(search_study("s", "data"), data(600_000))[1]
    assert everything.most is None
    assert study.validation_fraction < 1 / 6


def test_what_is_trained_on_grows_with_the_budget_until_it_is_all():
    study, whole = search_study("s", "data"), data(1_500_000)
    counts = [trainable(study, whole, 6, budget, 200_000) for budget in (1, 30, 60, 1e6)]
    assert counts[0] == 200_000
    assert 200_000 < counts[1] < counts[2] < 1_200_000
    assert counts[3] == trainable(study, whole, 6, float("inf"), 200_000) == 0
    assert trainable(study, data(200_000), 6, 1e-6, 200_000) == 0


def test_a_search_trains_on_no_more_than_it_has_time_for():
    whole = data(600_000)
    study, some = suited(search_study("s", "data"), whole, budget=1.0)
    parts = len(some.splits["train"]), len(some.splits["validation"])
    assert sum(parts) == study.train_examples == 240_000
    assert set(np.concatenate([some.splits["train"], some.splits["validation"]])) <= set(
        whole.splits["train"]
    )
    assert some.splits["test"] is whole.splits["test"]
    asked = search_study("s", "data").changed({"train_examples": 0})
    study, everything = suited(asked, whole, {"train_examples"}, budget=1.0)
    assert study.train_examples == 0
    assert sum(len(everything.splits[n]) for n in ("train", "validation")) == 480_000


def test_one_that_goes_on_with_another_budget_trains_on_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "_EXAMPLES_SEEN", 4_000)
    np.save(tmp_path / "some.npy", data(20_000).values)
    source, folder = str(tmp_path / "some.npy"), RunFolder(tmp_path / "run")
    first = prepared(folder, source, {}, None, budget=0.01, anew=False)
    assert first.experiment.study.train_examples == 4_000
    begin(folder, first.experiment, "recommend")
    again = prepared(folder, source, {}, None, budget=600.0, anew=False)
    assert again.experiment.study.train_examples == 4_000
    assert again.experiment.dataset.hash == first.experiment.dataset.hash
    check_same(folder, again.experiment)
    assert (
        prepared(folder, source, {}, None, budget=600.0, anew=True).experiment.study.train_examples
        == 0
    )


def test_a_run_that_goes_on_measures_what_it_began_with():
    whole = data(100_000)
    some = dataclasses.replace(whole, most=3_000)
    said = {"splits": {n: len(i) for n, i in some.splits.items()}, "measured": measured_of(some)}
    assert as_measured(whole, said).most == 3_000
    assert as_measured(whole, {**said, "measured": said["splits"]}).most is None
    assert as_measured(whole, {"splits": said["splits"]}).most is None  # of an earlier version


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timing(tmp_path, monkeypatch):
    """A run that has nothing yet, and the clock by which it is timed."""
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    folder = RunFolder(tmp_path)
    folder.write_manifest({"seconds": {"compile": 1.0}})
    return folder, clock


def test_the_seconds_of_a_stage_that_is_cut_short_count(timing):
    folder, clock = timing

    def interrupted():
        with timed(folder, "train"):
            clock.now += 7
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert folder.manifest()["seconds"] == {"compile": 1.0, "train": 7.0}


def test_a_process_that_is_killed_has_its_seconds_on_record_but_for_the_last_few(timing):
    folder, clock = timing
    with timed(folder, "train") as account:
        for _ in range(7):
            clock.now += 2
            account()
        on_record = folder.manifest()["seconds"]["train"]
        assert 14 - 5 <= on_record <= 14
    assert folder.manifest()["seconds"]["train"] == 14.0


def test_what_ended_a_stage_is_told_even_where_nothing_can_be_written(timing):
    folder, _ = timing

    def removed():
        with timed(folder, "train"):
            folder.manifest_path.unlink()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        removed()
    with pytest.raises(RunFolderError), timed(folder, "train"):
        pass


def test_a_searchs_manifest_has_its_study_as_it_was_begun_whoever_goes_on(timing):
    folder, _ = timing
    study = search_study("s", "data")
    folder.study_path.write_text(study.to_toml())
    keep_members(folder)
    assert {each["likelihood"] for each in folder.manifest()["members"]} == {"auto"}


def test_a_search_that_was_stopped_before_its_first_step_begins_again(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.mark()
    made = prepared(folder, "wine", {}, None, budget=60.0, anew=False)
    assert made.experiment.dataset.most is None
    assert made.experiment.study.validation_folds
