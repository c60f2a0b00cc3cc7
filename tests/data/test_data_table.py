"""Tables: what each field about columns does, and one line for each mistake."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentsweep.data import catalogue, memory
from latentsweep.data.prepare import prepare
from latentsweep.data.sources import csv_file, table
from latentsweep.data.splits import split_groups, with_validation
from latentsweep.errors import DataError
from latentsweep.study import Study

N = 60
_RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "warmth": _RANDOM.normal(20, 5, N),
        "pressure": _RANDOM.normal(1000, 10, N),
        "rain": _RANDOM.exponential(1, N),
        "kind": _RANDOM.choice(["wet", "dry"], N),
        "name": [f"row {i}" for i in range(N)],
        "site": np.repeat(np.arange(12), 5),
        "when": pd.date_range("2024-01-01", periods=N, freq="h"),
    }
)
PARTS = {"label": "kind", "id": "name", "drop": ("site", "when")}
LEFT = ["warmth", "pressure", "rain"]


def load(path, **fields):
    return catalogue.load_dataset(Study(name="test", data=str(path), **fields))


def of(frame, **fields):
    study = Study(name="test", **fields)
    return prepare(table.parted(table.Named("my", "here", frame), study), study)


def message(function, *arguments, **fields):
    with pytest.raises(DataError) as caught:
        function(*arguments, **fields)
    text = str(caught.value)
    assert "\n" not in text
    return text


def written(folder, text, name="my.csv"):
    (folder / name).write_text(text)
    return folder / name


@pytest.fixture(params=["csv", "tsv", "parquet", "semicolons"])
def path(request, tmp_path):
    """The table in a file of each kind."""
    suffix = request.param if request.param != "semicolons" else "csv"
    path = tmp_path / f"my.{suffix}"
    if request.param == "parquet":
        FRAME.to_parquet(path)
    elif request.param == "semicolons":
        FRAME.to_csv(path, sep=";", decimal=",", index=False)
    else:
        FRAME.to_csv(path, sep="\t" if suffix == "tsv" else ",", index=False)
    return path


def test_a_table_becomes_a_data_set(path):
    data = load(path, **PARTS)
    assert (data.name, data.source) == ("my", str(path))
    np.testing.assert_allclose(data.values, FRAME[LEFT], rtol=1e-6)
    assert list(data.columns) == LEFT
    assert [data.label_names[number] for number in data.labels] == list(FRAME["kind"])
    assert list(data.ids) == list(FRAME["name"])
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 48, "test": 12}
    assert data.hash == load(path, **PARTS).hash


def test_the_index_that_saving_puts_in_front_is_no_feature(tmp_path):
    FRAME.to_csv(tmp_path / "my.csv")
    data = load(tmp_path / "my.csv", **PARTS)
    assert list(data.columns) == LEFT
    assert data.notes == ("column without a name left out: it only counts the rows",)


def test_columns_that_are_counted_have_names(tmp_path):
    pd.DataFrame(FRAME[LEFT].to_numpy()).to_csv(tmp_path / "my.csv", index=False)
    assert load(tmp_path / "my.csv", drop=("1",)).columns == ("0", "2")


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (FRAME[LEFT], "float32"),
        (FRAME[["site"]].assign(other=np.arange(N)), "uint8"),
        (FRAME[["site"]].assign(other=np.arange(N) - 1), "int32"),
        (FRAME[["site"]].assign(other=np.arange(N) * 2**40), "float32"),
        (FRAME[["site"]].astype("Int64").assign(other=FRAME["rain"]), "float32"),
        (pd.DataFrame({"a": np.arange(N) % 2 == 0, "b": np.arange(N) % 3 == 0}), "uint8"),
        (pd.DataFrame({"a": np.arange(N, dtype=np.uint8), "b": np.uint8(7) * 3}), "uint8"),
    ],
)
def test_each_kind_of_column_has_its_stored_type(frame, kind):
    assert of(frame).values.dtype == kind


def test_units_that_differ_get_a_scale_each_and_others_one():
    data = of(FRAME[LEFT])
    train = data.scale(data.values[data.splits["train"]], np.float32)
    assert data.scale.columns == 3
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(train.std(axis=0), 1, rtol=1e-3)
    same = of(pd.DataFrame(_RANDOM.normal(3, 2, (N, 4)), columns=list("abcd")))
    assert same.scale.columns is None
    small = of(FRAME[LEFT] / 2048)  # all within [0, 1]
    scaled = small.scale(small.values[small.splits["train"]], np.float32)
    np.testing.assert_array_equal(scaled, train)
    assert of(FRAME[LEFT], scale="none").scale.factor == 1
    assert of(FRAME[LEFT], scale="minmax").unit_interval


def test_a_constant_column_is_left_out_and_named():
    data = of(FRAME[LEFT].assign(fixed=3, still="2"))
    assert list(data.columns) == LEFT
    assert data.notes == ("2 constant columns left out: fixed, still",)


def test_of_many_names_the_first_six_and_the_number_of_the_others_are_told():
    (note,) = of(FRAME[LEFT].assign(**{f"c{i}": 3 for i in range(8)})).notes
    assert note == "8 constant columns left out: c0, c1, c2, c3, c4, c5 and 2 more"


def gappy():
    frame = FRAME.copy()
    frame.loc[[4, 9], "rain"] = np.nan
    frame.loc[9, "warmth"] = np.inf
    return frame


def test_missing_values_are_an_error_that_says_where(tmp_path):
    assert message(of, gappy(), **PARTS) == (
        "data: 'here' has 3 missing values (warmth 1, rain 2), the first in row 5; --missing drop "
        "leaves 2 rows out, --missing mean fills in the column's mean"
    )


def test_rows_with_missing_values_are_left_out_with_all_their_parts():
    data = of(gappy(), missing="drop", **PARTS)
    kept = FRAME.drop(index=[4, 9])
    np.testing.assert_allclose(data.values, kept[LEFT], rtol=1e-6)
    assert list(data.ids) == list(kept["name"])
    assert [data.label_names[number] for number in data.labels] == list(kept["kind"])
    assert data.notes == ("2 rows with missing values left out",)


def test_missing_values_are_filled_in_with_the_mean_of_the_training_split():
    data = of(gappy(), missing="mean", **PARTS)
    others = [row for row in data.splits["train"] if row not in (4, 9)]
    assert data.values[4, 2] == pytest.approx(FRAME["rain"][others].mean(), rel=1e-5)
    assert data.notes == ("3 missing values filled in with the column's mean",)


def test_a_row_without_a_label_can_only_be_left_out():
    frame = FRAME.copy()
    frame.loc[7, "kind"] = None
    assert message(of, frame, missing="mean", **PARTS) == (
        "data: 1 row of 'here' without a label or group, the first row 8; --missing drop leaves "
        "them out"
    )
    assert len(of(frame, missing="drop", **PARTS).values) == N - 1


def test_text_in_a_column_of_numbers_is_named(tmp_path):
    path = written(tmp_path, "a,b,c\n" + "1,2,x\n" * 4 + "3,n.k.,y\n" + "5,6,z\n" * 9)
    assert message(load, path) == (
        f"data: column 'b' of '{path}' must hold numbers, got 'n.k.' in row 5 (as in c); leave it "
        "out with --drop b --drop c, or give it a part: --label, --id or --split-by"
    )
    assert load(path, drop=("b", "c")).columns == ("a",)


@pytest.mark.parametrize("field", ["label", "id", "split_by", "drop"])
def test_a_column_that_is_not_there(field):
    wrong = ("kinds",) if field == "drop" else "kinds"
    assert message(of, FRAME, **{field: wrong}) == (
        f"{field}: a column of 'my' is needed, got 'kinds'; did you mean 'kind'?"
    )


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (
            "name",
            "label: a column of classes is needed, got 60 different values in as many rows of "
            "'name'; a row's name is given with --id, a number to leave out with --drop",
        ),
        (
            "rain",
            "label: classes, as text or whole numbers, are needed, got {first} in 'rain'; leave "
            "out --label, or name another column",
        ),
    ],
)
def test_labels_that_are_no_classes(column, text):
    others = tuple({"name", "when", "kind"} - {column})
    first = f"{FRAME['rain'][0]:g}"
    assert message(of, FRAME, label=column, drop=others) == text.format(first=first)


def test_classes_that_are_numbers_are_in_the_order_of_numbers():
    frame = FRAME[LEFT].assign(number=np.repeat([10.0, 2.0, np.nan], N // 3))
    assert of(frame, label="number", missing="drop").label_names == ("2", "10")


@pytest.mark.parametrize("column", ["site", "when"])
@pytest.mark.parametrize("seed", range(5))
def test_groups_and_blocks_of_time_are_never_divided(column, seed):
    frame = FRAME.sample(frac=1, random_state=seed)
    fields = {**PARTS, "drop": tuple({"site", "when"} - {column}), "split_by": column}
    whole = of(frame, split_seed=seed, **fields)
    data = with_validation(whole, 0.3, seed)
    groups = [set(data.groups[rows]) for rows in data.splits.values()]
    assert list(data.splits) == ["train", "test", "validation"]
    assert sum(map(len, groups)) == len(set(data.groups)) == (12 if column == "site" else 20)
    assert 8 <= len(data.splits["test"]) <= 16
    assert column not in data.columns
    assert len(data.notes) == 1
    if column == "when":  # each block is one stretch of time
        times = frame["when"].to_numpy()
        spans = sorted(
            (times[data.groups == g].min(), times[data.groups == g].max()) for g in set(data.groups)
        )
        assert all(end < start for (_, end), (start, _) in pairwise(spans))


def test_dates_in_a_text_file_are_times(tmp_path):
    FRAME.to_csv(tmp_path / "my.csv", index=False)
    data = load(tmp_path / "my.csv", split_by="when", label="kind", drop=("name", "site"))
    assert data.notes == ("split by when: 20 blocks of consecutive values, none divided",)
    np.testing.assert_array_equal(data.groups, np.arange(N) // 3)


def test_order_means_the_rows_unless_a_column_has_this_name():
    fields = {**PARTS, "split_by": "order"}
    np.testing.assert_array_equal(of(FRAME, **fields).groups, np.arange(N) // 3)
    named = of(FRAME.assign(order=FRAME["site"]), **fields)
    assert named.notes == ("split by order: 12 groups, none divided",)


@given(
    groups=st.lists(st.integers(0, 6), min_size=2, max_size=60).filter(lambda g: len(set(g)) > 1),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=50)
def test_a_split_of_groups_has_every_example_once_and_no_side_empty(groups, fraction, seed):
    groups = np.int32(groups)
    parts = split_groups(groups, fraction, seed)
    together = np.concatenate(list(parts.values()))
    assert sorted(together) == list(range(len(groups)))
    assert min(map(len, parts.values())) > 0
    enough = len(parts["test"]) >= fraction * len(groups)
    assert enough or len(set(groups[parts["train"]])) == 1
    assert not set(groups[parts["train"]]) & set(groups[parts["test"]])


def test_one_group_cannot_be_split():
    assert message(of, FRAME[LEFT].assign(site="a"), split_by="site") == (
        "split_by: a column of two groups or more is needed, got 'a' everywhere in 'site'; name "
        "another with --split-by, or leave it out"
    )
    two = of(FRAME[LEFT].assign(site=np.arange(N) % 2), split_by="site")
    assert message(with_validation, two, 0.2, 0).startswith(
        "my: two groups or more are needed in the training split to hold some out, got 1; "
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "data: '{path}' cannot be read as a table (No columns to parse from file); save it"),
        ("5.1,3.5\n4.9,3.0\n", "data: the first line of '{path}' must name the columns, got"),
        ("a,b\n1,2\n", "data: at least 10 rows are needed, got 1 in '{path}'; add rows"),
        ("a\n" + "7\n" * 20, "data: a column that differs within the training split is needed"),
        ('a,b\n1,2\n"3,4', "data: '{path}' cannot be read as a table (Error tokenizing data."),
    ],
)
def test_files_that_are_no_tables_to_learn_from(tmp_path, text, expected):
    path = written(tmp_path, text)
    assert message(load, path).startswith(expected.format(path=path))


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "none.csv"
    assert message(load, path) == (
        f"data: cannot open '{path}' (No such file or directory); check the path and who may read "
        "it"
    )
    (tmp_path / "latin.csv").write_bytes("a,ä\n1,2\n".encode("latin-1"))
    assert message(load, tmp_path / "latin.csv").endswith(
        "is not a UTF-8 text file; save it as UTF-8"
    )
    broken = written(tmp_path, "PAR1 and no more", "my.parquet")
    assert re.match("data: '.*' cannot be read as a table .*; save it again", message(load, broken))


def test_no_column_is_left():
    assert message(of, FRAME[["kind"]], drop=("kind",)) == (
        "data: 'here' has no column left for a feature; drop fewer"
    )


def test_text_larger_than_memory_is_refused(tmp_path, monkeypatch):
    FRAME.to_csv(tmp_path / "my.csv")
    monkeypatch.setattr(memory, "free_memory", lambda: 100)
    assert message(csv_file.read, tmp_path / "my.csv").endswith(
        "are free; save it as Parquet (docs/data.md), which is read in parts"
    )
