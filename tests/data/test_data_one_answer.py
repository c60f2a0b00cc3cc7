"""The same values have one likelihood and reach networks as the same numbers, however they came.

As any type, in any file, in any unit.
"""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentsweep.data import catalogue
from latentsweep.data.sources.in_memory import saved
from latentsweep.sklearn import _prepared
from latentsweep.study import Study

RNG = np.random.default_rng(3)
RATES = np.exp(0.7 * RNG.normal(size=(300, 2)) @ RNG.normal(size=(2, 12)) - 0.3)
COLUMNS = [f"c{i}" for i in range(12)]
COUNTS = RNG.poisson(RATES).clip(0, 255)
BINARY = (RATES > 1).astype(int)
CODES = np.column_stack([RNG.integers(0, k, 300) for k in (90, 200, 2, 7, 9, 16, 6, 3, 4, 5, 8, 2)])
REALS = (RNG.normal(size=(300, 2)) @ RNG.normal(size=(2, 12))).astype(np.float32)
WHOLE = {
    "counts": (COUNTS, "negative-binomial"),
    "binary": (BINARY, "bernoulli"),
    "codes": (CODES, "gaussian"),
}
TYPES = ("uint8", "int16", "int64", "uint64", "float32", "float64", "float16", "bool")


def trained_on(data, **fields) -> tuple[str, np.ndarray]:
    """The likelihood of data, and what networks are given of it for training."""
    asked = Study(name="x", data=str(data), **fields)
    dataset = catalogue.load_dataset(asked)
    values = dataset.values[dataset.splits["train"]]
    return dataset.likelihood, dataset.scale(values, np.float32).reshape(len(values), -1)


def in_files(values, folder):
    """The values as a table in every kind of file, and in every type that holds them."""
    for kind in TYPES:
        if not np.array_equal(values.astype(kind), values):
            continue
        frame = pd.DataFrame(values.astype(kind), columns=COLUMNS)
        for suffix, write in (
            ("csv", lambda path, frame=frame: frame.to_csv(path, index=False)),
            ("tsv", lambda path, frame=frame: frame.to_csv(path, sep="\t", index=False)),
            ("parquet", frame.astype("float32" if kind == "float16" else kind).to_parquet),
        ):
            write(folder / f"{kind}.{suffix}")
            yield folder / f"{kind}.{suffix}"
        yield saved(frame.astype("float64"), None, folder, kind)["data"]


@pytest.mark.parametrize("name", WHOLE)
def test_a_table_has_one_answer_whatever_its_file_and_type(name, tmp_path):
    values, likelihood = WHOLE[name]
    answers = [trained_on(path) for path in in_files(values, tmp_path)]
    assert len(answers) >= 16
    for other, scaled in answers:
        assert other == likelihood
        np.testing.assert_array_equal(scaled, answers[0][1])


@pytest.mark.parametrize("name", WHOLE)
def test_an_array_and_the_estimator_have_one_answer_whatever_the_type(name, tmp_path):
    values, likelihood = WHOLE[name]
    arrays, estimators = [], []
    for kind in TYPES:
        if np.array_equal(values.astype(kind), values):
            np.save(tmp_path / "a.npy", values.astype(kind))
            np.savez(tmp_path / "a.npz", x=values.astype(kind))
            arrays += [trained_on(tmp_path / "a.npy"), trained_on(tmp_path / "a.npz")]
            asked = Study(name="x")
            stored, _, chosen, scale = _prepared(values.astype(kind), asked)
            estimators.append((chosen, scale(stored, np.float32)))
    for answers in (arrays, estimators):
        for other, scaled in answers:
            assert other == likelihood
            np.testing.assert_array_equal(scaled, answers[0][1])


@pytest.mark.parametrize("power", [-30, -6, 8, 30])
def test_powers_of_two_change_nothing(tmp_path, power):
    for values in (REALS, BINARY.astype(np.float32), REALS.reshape(300, 3, 4)):
        np.save(tmp_path / "own.npy", values)
        np.save(tmp_path / "other.npy", np.float32(2.0**power) * values)
        (_, one), (likelihood, other) = map(trained_on, sorted(tmp_path.glob("o*.npy"))[::-1])
        np.testing.assert_array_equal(other, one)
        assert likelihood == ("bernoulli" if set(np.unique(values)) == {0, 1} else "gaussian")


@pytest.mark.parametrize("factor", [1e-6, 0.003, 1e6])
@pytest.mark.parametrize("shift", [0, 1, -1e4, 1e9])
def test_other_units_change_no_more_than_rounding(tmp_path, factor, shift):
    unit = pd.DataFrame(factor * (REALS.astype(np.float64) + shift), columns=COLUMNS)
    unit.to_parquet(tmp_path / "unit.parquet")
    pd.DataFrame(REALS, columns=COLUMNS).to_parquet(tmp_path / "own.parquet")
    (_, one), (_, other) = (trained_on(tmp_path / f"{name}.parquet") for name in ("own", "unit"))
    np.testing.assert_allclose(other, one, atol=1e-3)


def test_columns_in_another_order_are_the_same_columns(tmp_path):
    frame = pd.DataFrame(CODES, columns=COLUMNS)
    frame.to_csv(tmp_path / "own.csv", index=False)
    frame[COLUMNS[::-1]].to_csv(tmp_path / "other.csv", index=False)
    (_, one), (_, other) = (trained_on(tmp_path / f"{name}.csv") for name in ("own", "other"))
    np.testing.assert_array_equal(other[:, ::-1], one)


@pytest.mark.parametrize("top", [1, 7, 255])
def test_masks_have_one_answer_whatever_is_white(tmp_path, top):
    for i, mask in enumerate(BINARY.reshape(-1, 6, 6)):
        Image.fromarray((top * mask).astype(np.uint8)).save(tmp_path / f"{i:03}.png")
    likelihood, scaled = trained_on(tmp_path)
    assert likelihood == "bernoulli"
    np.testing.assert_array_equal(np.unique(scaled), [0, 1])


def test_what_varies_little_far_from_0_keeps_all_of_its_values(tmp_path):
    frame = pd.DataFrame(
        {
            "north": 5_400_000 + 0.2 * REALS[:, 0].astype(float),
            "seconds": 1_700_000_000 + np.arange(300) // 2,
            "nanoseconds": 1_700_000_000_000_000_000 + 1000 * np.arange(300),
            "height": REALS[:, 1],
        }
    )
    frame.to_csv(tmp_path / "survey.csv", index=False)
    asked = Study(name="x", data=str(tmp_path / "survey.csv"))
    dataset = catalogue.load_dataset(asked)
    assert dataset.columns == tuple(frame.columns)
    assert [len(np.unique(column)) for column in dataset.values.T] == [300, 150, 300, 300]
    back = dataset.values.astype(float) + np.array(dataset.origin)
    np.testing.assert_allclose(back[:, :2], frame.to_numpy()[:, :2], rtol=0, atol=1e-4)
    _, scaled = trained_on(tmp_path / "survey.csv")
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-5)


def test_a_few_zeros_among_times_hide_nothing_of_the_others(tmp_path):
    times = 1.7e9 + 60.0 * np.arange(300)
    times[[3, 50]] = 0
    pd.DataFrame({"t": times, "a": REALS[:, 0], "b": REALS[:, 1]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    dataset = catalogue.load_dataset(Study(name="x", data=str(tmp_path / "t.csv")))
    assert dataset.likelihood == "gaussian"
    assert len(np.unique(dataset.values[:, 0])) == 299
