"""Arrays and data frames of a program are kept in a file and come back from it."""

import numpy as np
import pandas as pd
import pytest

from latentsweep.data import catalogue
from latentsweep.data.sources import in_memory
from latentsweep.errors import DataError
from latentsweep.study import Study

VALUES = np.random.default_rng(0).normal(size=(40, 5))
LABELS = np.arange(40) % 3


def loaded(data, labels, folder):
    return catalogue.load_dataset(
        Study(name="test", **in_memory.saved(data, labels, folder, "mine"))
    )


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (None, None),
        (LABELS, ("0", "1", "2")),
        (LABELS.tolist(), ("0", "1", "2")),
        (np.array(["a", "b"] * 20, object), ("a", "b")),
    ],
)
def test_an_array_comes_back(tmp_path, labels, names):
    data = loaded(VALUES, labels, tmp_path)
    np.testing.assert_array_equal(data.values, VALUES.astype(np.float32))
    assert (data.name, data.label_names) == ("mine", names)


@pytest.mark.parametrize("labels", [LABELS, "kind"])
def test_a_data_frame_comes_back(tmp_path, labels):
    frame = pd.DataFrame(VALUES, columns=list("abcde"), index=range(100, 140))
    if isinstance(labels, str):
        frame["kind"] = LABELS
    data = loaded(frame, labels, tmp_path)
    assert data.columns == tuple("abcde")
    np.testing.assert_array_equal(data.labels, LABELS)


def test_the_same_data_has_one_file_and_other_data_another(tmp_path):
    first = in_memory.saved(VALUES, LABELS, tmp_path, "mine")
    assert in_memory.saved(VALUES.copy(), LABELS, tmp_path, "mine") == first
    others = [(VALUES + 1, LABELS), (VALUES, LABELS[::-1]), (VALUES, None), (VALUES[:, :4], LABELS)]
    files = {in_memory.saved(*other, tmp_path, "mine")["data"] for other in others}
    assert len(files | {first["data"]}) == 5
    frame = pd.DataFrame(VALUES)
    one = in_memory.saved(frame, None, tmp_path, "mine")
    assert in_memory.saved(frame.rename(columns={0: "a"}), None, tmp_path, "mine") != one


@pytest.mark.parametrize(
    ("data", "labels", "text"),
    [
        (
            VALUES,
            LABELS[1:],
            "labels: one for each example is needed, got [39] for 40 examples; pass both from the "
            "same rows",
        ),
        (
            [["a"]] * 40,
            None,
            "data: an array of real numbers or a data frame is needed, got the type <U1; convert "
            "it, e.g. with array.astype('float32')",
        ),
        (
            pd.DataFrame({"label": LABELS}),
            LABELS,
            "labels: the data frame has a column 'label' of its own; rename it, or pass "
            "labels='label' to mean it",
        ),
    ],
)
def test_what_cannot_be_kept(tmp_path, data, labels, text):
    with pytest.raises(DataError) as caught:
        in_memory.saved(data, labels, tmp_path, "mine")
    assert str(caught.value) == text
    assert not list(tmp_path.iterdir())


def test_a_named_index_is_a_column(tmp_path):
    frame = pd.DataFrame(VALUES, index=pd.Index(range(40), name="nr"))
    found = in_memory.saved(frame, None, tmp_path, "mine")
    data = catalogue.load_dataset(Study(name="test", id="nr", **found))
    assert data.ids[7] == "7"
    assert data.features == 5


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(VALUES, columns=list("abcda")),
        pd.DataFrame({"a": [1, "x", 2.0] * 10}),
    ],
)
def test_a_data_frame_that_is_no_table(tmp_path, frame):
    with pytest.raises(DataError, match="data: a data frame of plain columns is needed, got one"):
        in_memory.saved(frame, None, tmp_path, "mine")
