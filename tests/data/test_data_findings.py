"""What is said of data before it is trained on."""

import numpy as np
import pandas as pd
import pytest

from latentsweep.data import catalogue, findings
from latentsweep.data.prepare import prepare
from latentsweep.data.sources import table
from latentsweep.study import Study

RANDOM = np.random.default_rng(0)


def of(frame, questions=True, **fields):
    study = Study(name="test", **fields)
    data = prepare(table.parted(table.Named("my", "here", pd.DataFrame(frame)), study), study)
    return findings.findings(data, study, questions=questions)


def numbers(n=200, columns=3):
    return {name: RANDOM.normal(0, 3, n) for name in "abcdefgh"[:columns]}


def test_values_scale_and_labels_are_said():
    lines = of({"a": np.arange(20), "b": 10_000 * np.arange(20), "l": ["x", "y"] * 10}, label="l")
    assert lines[:3] == [
        "values  20 x 2, whole numbers, from 0 to 190000",
        "scale   by the mean and standard deviation of each column, since their units differ; "
        "--scale standard, minmax or none for another",
        "labels  2: x (10), y (10)",
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scale": "none"}, "values as they are"),
        ({"scale": "minmax"}, "by the least and greatest value of each column"),
        ({"scale": "standard"}, "by the mean and standard deviation of each column"),
    ],
)
def test_a_scale_that_was_asked_for_is_said_without_another(fields, words):
    assert of(numbers(), **fields)[1] == f"scale   {words}"


def test_many_labels_are_not_all_listed():
    (line,) = [
        each
        for each in of({**numbers(), "l": np.arange(200) % 30}, label="l")
        if each.startswith("labels")
    ]
    assert line.endswith("7 (7) and 22 more")
    assert line.startswith("labels  30: 0 (7), 1 (7)")


def test_random_rows_raise_no_question():
    assert not [line for line in of(numbers()) if line.startswith("note")]


@pytest.mark.parametrize("columns", [1, 3])
def test_rows_in_order_of_time_raise_the_question(columns):
    walks = {name: np.cumsum(values) for name, values in numbers(columns=columns).items()}
    (note,) = [line for line in of(walks) if line.startswith("note")]
    assert note.startswith("note    neighbouring rows are alike (correlation 0.9")
    assert "are they in order of time? --split-by COLUMN" in note
    assert len(of(walks, questions=False)) == 2
    (settled,) = [line for line in of(walks, split_by="order") if line.startswith("note")]
    assert settled == "note    split by order: 20 blocks of consecutive examples, none divided"


def test_rows_in_order_of_their_class_raise_none():
    labels = np.repeat([0, 1, 2, 3], 50)
    frame = {name: values + 20 * labels for name, values in numbers().items()}
    assert not [x for x in of({**frame, "l": labels}, label="l") if x.startswith("note")]


def test_held_out_examples_that_were_trained_on_are_counted():
    frame = pd.concat([pd.DataFrame(numbers(100))] * 2)
    frame = frame.sample(frac=1, random_state=0)
    (note,) = [line for line in of(frame) if line.startswith("note")]
    study = Study(name="test")
    data = prepare(table.parted(table.Named("my", "here", frame), study), study)
    train = {row.tobytes() for row in data.values[data.splits["train"]]}
    count = sum(row.tobytes() in train for row in data.values[data.splits["test"]])
    assert note.startswith(f"note    {count} held-out examples ({count} of test) also in the")


def test_constant_pixels_are_counted_and_kept(tmp_path):
    images = RANDOM.integers(0, 256, (40, 5, 5), np.uint8)
    images[:, 0] = 0
    np.save(tmp_path / "my.npy", images)
    study = Study(name="test", data=str(tmp_path / "my.npy"))
    lines = findings.findings(catalogue.load_dataset(study), study, questions=True)
    assert lines[1].startswith("scale   by the mean and standard deviation of all values; --scale")
    study = study.changed({"likelihood": "bernoulli"})
    (said,) = findings.findings(catalogue.load_dataset(study), study, questions=False)[1:2]
    assert said == "scale   values divided by 255"
    assert lines[2].startswith("note    rounded to steps of 1: the Gaussian's noise is at least")
    assert lines[3] == "note    5 values of 25 the same in all examples; kept"


def test_large_examples_name_what_makes_them_smaller(tmp_path):
    np.save(tmp_path / "my.npy", RANDOM.integers(0, 256, (10, 150, 150, 1), np.uint8))
    study = Study(name="test", data=str(tmp_path / "my.npy"))
    lines = findings.findings(catalogue.load_dataset(study), study, questions=True)
    assert "note    22,500 values an example make large networks; --resize 64 makes images " in (
        " ".join(lines)
    )
