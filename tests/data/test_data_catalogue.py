import numpy as np
import pytest

from latentsweep.data import catalogue, mnist, synthetic
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
    monkeypatch.setattr(mnist, "load", lambda: "the data")
    assert catalogue.load_dataset(study("mnist")) == "the data"


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
        "data: a known name (mnist, digits, or one of those drawn, see latentsweep data) or the "
        "path of a .npy or .npz file is needed, got "
        f"'{name}'; {hint}"
    )


def test_a_folder(tmp_path):
    assert message(tmp_path) == (
        f"data: only .npy and .npz files are read, got the folder '{tmp_path}'; name one file"
    )


def test_another_kind_of_file(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("1,2\n")
    assert message(path) == (
        f"data: only .npy and .npz files are read, got '{path}'; save the array with numpy.save"
    )


def test_what_is_known_is_told_without_the_network(nowhere):
    first, second, *drawn = catalogue.known()
    assert (first.name, first.where, first.found) == ("mnist", (str(nowhere),), None)
    assert first.how == f"connect to the internet (a mirror has it), or {mnist.how_to_get()}"
    assert (second.name, second.found) == ("digits", "scikit-learn")
    assert all(known.found == "drawn when asked for" for known in drawn)
    nowhere.mkdir(parents=True)
    for name in mnist.FILES:
        (nowhere / name).touch()
    assert catalogue.known()[0].found == str(nowhere)


def test_every_known_name_can_be_loaded_and_no_other(nowhere):
    named = [known.name for known in catalogue.known()]
    assert named == [*catalogue._LOADERS, *synthetic.NAMES]
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
