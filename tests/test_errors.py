import re

import pytest

from latentsweep import errors
from latentsweep.errors import LatentsweepError, nearest


def drawn() -> list[str]:
    return re.findall(r"[├└]── (\w+)", errors.__doc__ or "")


def test_the_tree_at_the_top_of_the_file_is_the_tree():
    defined = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, LatentsweepError)
    ]
    assert drawn() == [name for name in defined if name != "LatentsweepError"]
    assert len(drawn()) == 4


@pytest.mark.parametrize("name", drawn())
def test_every_error_is_caught_as_one(name):
    with pytest.raises(LatentsweepError, match="a message"):
        raise getattr(errors, name)("a message")


def test_a_wrong_shape_is_also_pythons_error_for_it():
    assert issubclass(errors.ShapeError, ValueError)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("mnits", "; did you mean 'mnist'?"),
        ("digit", "; did you mean 'digits'?"),
        ("mnist", "; did you mean 'mnist'?"),
        ("elephant", ""),
        ("", ""),
    ],
)
def test_the_nearest_word_is_offered_if_it_is_near(word, hint):
    assert nearest(word, ("mnist", "digits")) == hint


def test_nothing_is_near_to_no_words():
    assert nearest("mnist", ()) == ""
