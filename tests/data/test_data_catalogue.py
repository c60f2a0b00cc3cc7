import numpy as np
import pytest

from latentsweep.data import catalogue
from latentsweep.data.dataset import Scale
from latentsweep.data.sources import mnist
from latentsweep.errors import DataError
from latentsweep.study import Study


def study(data, **changes):
    return Study(name="test", data=str(data), **changes)


def message(data):
    with pytest.raises(DataError) as caught:
        catalogue.load_dataset(study(data))
    return str(caught.value)


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """MNIST neither on disk nor to be downloaded; any attempt at the network fails the test."""
    monkeypatch.setattr(mnist, "user_cache_path", lambda name: tmp_path / name)
    monkeypatch.delenv("LATENTSWEEP_DATA", raising=False)
    monkeypatch.setattr(mnist, "answering", lambda: pytest.fail("went to the network"))
    return tmp_path / "latentsweep" / "mnist"


def test_a_known_name_is_loaded_with_the_study_s_split():
    data = catalogue.load_dataset(study("digits", test_fraction=0.5, split_seed=3))
    assert (data.name, len(data.splits["test"])) == ("digits", 898)
    other = catalogue.load_dataset(study("digits", test_fraction=0.5, split_seed=4))
    assert not np.array_equal(data.splits["test"], other.splits["test"])


def test_mnist_is_loaded_by_its_name(monkeypatch):
    monkeypatch.setattr(mnist, "read", lambda _: "the data")
    assert catalogue.read(study("mnist")) == "the data"


@pytest.mark.parametrize("name", ["some.npy", "some.NPY"])
def test_a_path_is_loaded_with_the_study_s_split(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        np.save(file, np.arange(80.0).reshape(20, 4))
    data = catalogue.load_dataset(study(tmp_path / name, test_fraction=0.4, split_seed=3))
    assert (data.name, len(data.splits["test"])) == ("some", 8)


def test_a_path_may_start_at_the_users_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "some.npz", x=np.arange(80.0).reshape(20, 4))
    assert catalogue.load_dataset(study("~/some.npz")).features == 4


def test_a_path_that_leads_nowhere(tmp_path):
    path = tmp_path / "none.npz"
    assert message(path) == (
        f"data: cannot open '{path}' (No such file or directory); check the path and who may "
        "read it"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mnits", "did you mean 'mnist'?"),
        ("MNIST", "did you mean 'mnist'?"),
        ("digit", "did you mean 'digits'?"),
        ("imagenet", "check the spelling"),
    ],
)
def test_an_unknown_name(monkeypatch, tmp_path, name, hint):
    monkeypatch.chdir(tmp_path)
    assert message(name) == (
        "data: a known name (mnist, digits, iris, wine, breast_cancer, diabetes, linnerud, or one "
        "of those drawn, see latentsweep data) or the path of a table, an array file or a folder "
        f"of images is needed, got '{name}'; {hint}"
    )


def test_another_kind_of_file(tmp_path):
    path = tmp_path / "some.txt"
    path.write_text("1,2\n")
    assert message(path) == (
        "data: tables (.csv, .tsv, .parquet, .pq), arrays (.npy, .npz) and folders of images are "
        f"read, got '{path}'; save it as one of them"
    )


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("digits", {"label": "x"}, "label: takes a table, whose columns they are, got 'digits'"),
        ("digits", {"resize": "8"}, "resize: takes a folder of images, got 'digits'"),
        ("shapes-4", {"scale": "none"}, "scale: takes data of your own, got 'shapes-4'"),
        ("iris", {"resize": "8"}, "resize: takes a folder of images, got 'iris'"),
        (
            "digits",
            {"split_by": "when"},
            "split_by: a table is needed, whose columns it names, got",
        ),
        ("iris", {"label": "clas"}, "label: a column of 'iris'"),
    ],
)
def test_a_field_that_such_data_has_no_use_for(name, changes, text):
    with pytest.raises(DataError) as caught:
        catalogue.load_dataset(study(name, **changes))
    assert str(caught.value).startswith(text)


def test_pictures_have_one_scale_or_another(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, (20, 5, 5), np.uint8))
    data = catalogue.load_dataset(study(tmp_path / "a.npy", scale="minmax"))
    assert data.scale == Scale(0.0, 255.0)


def test_values_outside_the_range_of_the_likelihood(tmp_path):
    np.save(tmp_path / "a.npy", np.linspace(-2, 6, 80).reshape(20, 4))
    asked = {"likelihood": "bernoulli", "scale": "none"}
    with pytest.raises(DataError) as caught:
        catalogue.load_dataset(study(tmp_path / "a.npy", **asked))
    assert str(caught.value) == (
        "likelihood: bernoulli needs values in [0, 1], got -2 to 6 in a once scaled; write --scale "
        "minmax, or --set likelihood=gaussian"
    )
    assert catalogue.load_dataset(
        study(tmp_path / "a.npy", likelihood="bernoulli", scale="minmax")
    ).unit_interval


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("iris", (150, 4), 3),
        ("wine", (178, 13), 3),
        ("breast_cancer", (569, 30), 2),
        ("diabetes", (442, 10), 0),
        ("linnerud", (20, 3), 0),
    ],
)
def test_the_tables_of_scikit_learn(name, shape, classes):
    data = catalogue.load_dataset(study(name))
    assert data.values.shape == shape
    assert len(data.label_names or ()) == classes
    assert len(data.columns) == shape[1]
    assert data.hash == catalogue.load_dataset(study(name)).hash


def test_columns_of_a_bundled_table_may_be_left_out():
    data = catalogue.load_dataset(study("wine", drop=("proline", "ash")))
    assert data.item_shape == (11,)


def test_what_is_known_is_told_without_the_network(nowhere):
    first, second, *others = catalogue.known()
    tables, drawn = others[: len(catalogue.BUNDLED)], others[len(catalogue.BUNDLED) :]
    assert (first.name, first.where, first.found) == ("mnist", (str(nowhere),), None)
    assert first.how == f"connect to the internet (a mirror has it), or {mnist.how_to_get()}"
    assert (second.name, second.found) == ("digits", "scikit-learn")
    assert all(known.found == "scikit-learn" for known in tables)
    assert all(known.found == "drawn when asked for" for known in drawn)
    nowhere.mkdir(parents=True)
    for name in mnist.FILES:
        (nowhere / name).touch()
    assert catalogue.known()[0].found == str(nowhere)


def test_every_known_name_can_be_loaded_and_no_other(nowhere):
    named = [known.name for known in catalogue.known()]
    assert named == [name for source in catalogue.SOURCES for name in source.names]
    assert catalogue.load_dataset(study("shapes-2@3")).item_shape == (28, 28, 1)


def test_a_validation_split_is_taken_from_the_training_split(nowhere):
    whole = catalogue.load_dataset(study("digits")).splits
    parts = catalogue.load_dataset(study("digits", validation_fraction=0.25)).splits
    np.testing.assert_array_equal(parts["test"], whole["test"])
    np.testing.assert_array_equal(
        np.sort(np.concatenate([parts["train"], parts["validation"]])), whole["train"]
    )
    assert len(parts["validation"]) == round(0.25 * len(whole["train"]))


def test_mnist_is_at_hand_on_disk_or_where_a_mirror_answers(nowhere, monkeypatch):
    monkeypatch.setattr(mnist, "answering", lambda: None)
    assert not catalogue.mnist_at_hand()
    monkeypatch.setattr(mnist, "answering", lambda: mnist.MIRRORS[0])
    assert catalogue.mnist_at_hand()
    monkeypatch.setattr(mnist, "answering", lambda: pytest.fail("went to the network"))
    nowhere.mkdir(parents=True)
    for name in mnist.FILES:
        (nowhere / name).touch()
    assert catalogue.mnist_at_hand()


def test_some_training_examples_are_a_part_of_all_drawn_anew_by_each_seed():
    whole = catalogue.load_dataset(study("digits")).splits
    some = catalogue.load_dataset(study("digits", train_examples=100)).splits
    other = catalogue.load_dataset(study("digits", train_examples=100, split_seed=1)).splits
    assert len(some["train"]) == len(np.unique(some["train"])) == 100
    assert set(some["train"]) <= set(whole["train"])
    assert some["train"].tolist() != other["train"].tolist()
    assert some["test"].tolist() == whole["test"].tolist()
    all_of_them = catalogue.load_dataset(study("digits", train_examples=10_000)).splits
    assert all_of_them["train"].tolist() == whole["train"].tolist()
    held_out = catalogue.load_dataset(study("digits", train_examples=100, validation_fraction=0.2))
    assert [len(held_out.splits[name]) for name in ("train", "validation")] == [80, 20]
