"""Whose code is run, where it is looked for, and that a name's newest meaning is trained."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latentsweep.errors import StudyError
from latentsweep.model import consent
from latentsweep.model.consent import class_of, named
from latentsweep.model.shape import NetworkShape
from latentsweep.model.user_network import fingerprint, initial_pair

OWN = Path(__file__).with_name("own_networks.py").read_text("utf-8")
RAN = "from pathlib import Path\nPath('ran').touch()\nclass Net: pass\n"


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """An empty folder, nothing trusted; modules of it are forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(consent, "_trusted", set())
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def shape(network: str, width: int = 3) -> NetworkShape:
    return NetworkShape((4, 5, 1), 1, (1,), width, network)


@pytest.mark.parametrize("module", ["evil", "bad.evil", "bad.worse.evil"])
def test_code_that_nobody_named_is_refused_with_its_file_and_not_run(here, module):
    file = here / f"{module.replace('.', '/')}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    for folder in file.relative_to(here).parents:
        (here / folder / "__init__.py").write_text(RAN)
    file.write_text(RAN)
    for call in (class_of, lambda name: consent.consent(name, trust=False)):
        with pytest.raises(StudyError) as caught:
            call(f"{module}:Net")
        assert str(caught.value) == (
            f"network: {module}:Net would run {file}, which the study or run names, not you; if "
            "you know that code give --trust, or trust=True in Python"
        )
    assert not (here / "ran").exists()
    consent.consent(f"{module}:Net", trust=True)
    assert class_of(f"{module}:Net").__name__ == "Net"
    assert (here / "ran").exists()


@pytest.mark.parametrize("name", ["os:system", "jax.numpy:array", "no.such.module:Net", ".:x"])
def test_what_is_installed_or_loaded_or_nowhere_is_asked_about_as_well(name):
    with pytest.raises(StudyError, match=r"would run .* if you know that code give --trust"):
        class_of(name)


def test_built_in_kinds_need_no_consent():
    for name in ("dense", "convolutional", "linear-decoder"):
        consent.consent(name, trust=False)


def test_the_current_folder_comes_behind_what_is_installed_and_goes_again(here, monkeypatch):
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in ("", str(here))])
    before = list(sys.path)
    (here / "colorsys.py").write_text(RAN)  # as one of Python's own is called
    (here / "broken.py").write_text("1 / 0")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    for name in ("colorsys:rgb_to_hsv", "broken:Net"):
        consent.consent(name, trust=True)
    assert class_of("colorsys:rgb_to_hsv").__module__ == "colorsys"
    with pytest.raises(StudyError, match=r"got 'broken:Net' \(ZeroDivisionError: division by zero"):
        class_of("broken:Net")
    assert sys.path == before
    assert not (here / "ran").exists()


def test_a_user_s_own_place_on_the_path_stays(here, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(here), *sys.path])
    (here / "first.py").write_text(OWN)
    consent.consent("first:Pair", trust=True)
    before = list(sys.path)
    class_of("first:Pair")
    assert sys.path == before


def test_what_is_no_class_is_refused(here):
    (here / "made.py").write_text("what = {}")
    consent.consent("made:what", trust=True)
    with pytest.raises(StudyError, match="a class is needed, got made:what"):
        class_of("made:what")


def define(code: str) -> type:
    """A class as a notebook's cell defines it."""
    exec(code, sys.modules["__main__"].__dict__)
    return sys.modules["__main__"].__dict__["Pair"]


@pytest.fixture
def notebook(monkeypatch):
    """The names of a notebook go again."""
    for name in ("Encoder", "Pair", "math", "eqx", "jax", "jnp"):
        monkeypatch.setitem(sys.modules["__main__"].__dict__, name, None)


def test_a_class_that_is_defined_again_is_the_one_that_is_made(notebook):
    """Also where only what is no weight differs."""
    outputs = []
    for code in (OWN, OWN.replace("jnp.tanh", "jax.nn.relu")):
        cell = define(code)
        name = named(cell)
        assert name == "__main__:Pair"
        encoder, _ = initial_pair(jax.random.key(0), shape(name))
        outputs.append(np.asarray(encoder(jnp.ones(20))[0]))
    assert not np.allclose(*outputs)


def test_a_class_that_its_name_no_longer_means_is_refused(notebook):
    old = define(OWN)
    define(OWN)
    with pytest.raises(StudyError, match="__main__:Pair is another class by now than the one that"):
        named(old)


def test_a_fingerprint_is_of_what_code_does(notebook):
    """Of a helper beside the class, a function or a constant; not of comments."""
    codes = {
        "same": OWN,
        "comment": f"# {OWN}".replace("\n\n", "\n\n# another\n", 1),
        "activation": OWN.replace("jnp.tanh(x)", "jax.nn.relu(x)"),
        "helper": OWN.replace("self.mean(hidden)", "2 * self.mean(hidden)"),
        "start": OWN.replace("self.decoder = ", "four = one\n        self.decoder = "),
    }
    found = {what: fingerprint(shape(named(define(code)))) for what, code in codes.items()}
    assert found["comment"] == found["same"]
    assert len(set(found.values())) == 4
