"""Parquet tables that are too large for memory: the values of those that are not."""

import numpy as np
import pandas as pd
import pytest

from latentsweep.data import catalogue, kept, memory
from latentsweep.data.sources import parquet_file
from latentsweep.errors import DataError
from latentsweep.study import Study

N = 300
_RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "warmth": _RANDOM.normal(20, 5, N),
        "rain": _RANDOM.exponential(1, N).astype(np.float32),
        "always": np.ones(N),
        "kind": _RANDOM.choice(["wet", "dry"], N),
        "name": [f"row {i}" for i in range(N)],
        "count": _RANDOM.integers(0, 100, N),
    }
)
GAPS = FRAME.assign(
    rain=FRAME["rain"].where(np.arange(N) % 50 != 7),
    warmth=FRAME["warmth"].where(np.arange(N) != 3),
)
PARTS = {"label": "kind", "id": "name"}


@pytest.fixture
def both(tmp_path, monkeypatch):
    """A function that reads a table whole, and then in batches of 10 rows."""
    monkeypatch.setattr(kept, "user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setattr(parquet_file, "_BATCH_VALUES", 30)

    def read(frame, **fields):
        frame.to_parquet(tmp_path / "my.parquet", row_group_size=70)
        study = Study(name="test", data=str(tmp_path / "my.parquet"), **fields)
        whole = catalogue.load_dataset(study)
        with monkeypatch.context() as patch:
            patch.setattr(memory, "free_memory", lambda: 1000)
            assert parquet_file.needed(tmp_path / "my.parquet")
            return whole, catalogue.load_dataset(study)

    return read


def assert_same(whole, batched):
    assert isinstance(batched.values, np.memmap)
    assert not isinstance(whole.values, np.memmap)
    assert batched.values.dtype == whole.values.dtype
    np.testing.assert_array_equal(batched.values, whole.values)
    np.testing.assert_array_equal(batched.labels, whole.labels)
    np.testing.assert_array_equal(batched.ids, whole.ids)
    assert (batched.columns, batched.notes) == (whole.columns, whole.notes)
    assert (batched.scale, batched.hash) == (whole.scale, whole.hash)


def test_a_table_in_batches_has_the_values_of_one_in_memory(both):
    assert_same(*both(FRAME, **PARTS))


def test_rows_with_missing_values_are_left_out_alike(both):
    assert_same(*both(GAPS, missing="drop", **PARTS))


def test_missing_values_are_filled_in_alike(both):
    whole, batched = both(GAPS, missing="mean", **PARTS)
    np.testing.assert_allclose(batched.values, whole.values, rtol=1e-6)
    assert batched.notes == whole.notes


@pytest.mark.parametrize("kind", [np.int64, np.uint8, bool])
def test_whole_numbers_keep_their_type(both, kind):
    frame = pd.DataFrame(_RANDOM.integers(0, 2, (N, 3)).astype(kind), columns=list("abc"))
    whole, batched = both(frame * 300 if kind == np.int64 else frame)
    assert batched.values.dtype == whole.values.dtype == ("int32" if kind == np.int64 else "uint8")
    np.testing.assert_array_equal(batched.values, whole.values)


@pytest.mark.parametrize(
    ("frame", "fields"),
    [
        (GAPS, PARTS),
        (FRAME, {"label": "kind"}),
        (FRAME, {"label": "kinds"}),
        (FRAME.assign(count=FRAME["count"].astype(str).where(np.arange(N) != 123, "n.k.")), PARTS),
    ],
)
def test_mistakes_are_told_in_the_same_words(both, tmp_path, monkeypatch, frame, fields):
    with pytest.raises(DataError) as whole:
        both(frame, **fields)
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    with pytest.raises(DataError) as batched:
        both(frame, **fields)
    assert str(batched.value) == str(whole.value)
