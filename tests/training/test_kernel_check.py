"""The kernel is tried once a machine, in a process of its own; if it fails there, none is used."""

import json

import pytest

from latentsweep.training import update
from latentsweep.training.cpu_kernel import check
from latentsweep.training.cpu_kernel.dense_adam import exists
from latentsweep.training.update import complaint, fastest_rule, is_here, rule_of

pytestmark = pytest.mark.skipif(not exists(), reason="no kernel for this machine")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Where the verdict is kept: nothing is known of this machine."""
    monkeypatch.setattr(check, "default_folder", lambda: tmp_path)
    monkeypatch.setattr(check, "failure", check.failure.__wrapped__)
    return check.verdict_file()


@pytest.fixture
def tries(monkeypatch):
    """How often the kernel was tried: it fails."""
    made = []

    def tried():
        made.append(1)
        return "it crashed, signal 11"

    monkeypatch.setattr(check, "tried", tried)
    return made


@pytest.mark.optimised
def test_the_kernel_passes_its_check_here():
    assert check.tried() == ""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", "it crashed, signal 11"),
        ("import time; time.sleep(60)", "it took over 5 seconds"),
        ("import sys; sys.exit('its numbers are wrong by 0.5')", "its numbers are wrong by 0.5"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import os; os._exit(7)", "it ended early"),
        ("", ""),
    ],
)
def test_whatever_ends_the_other_process_is_told(tmp_path, monkeypatch, code, words):
    (tmp_path / "ended.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(check, "__name__", "ended")
    assert check.tried(seconds=5.0) == words


def test_without_an_interpreter_there_is_no_kernel(monkeypatch):
    monkeypatch.setattr(check.sys, "executable", "/nowhere/python")
    assert check.tried().startswith("it could not be tried, ")


def test_numbers_that_are_wrong_are_seen(monkeypatch):
    assert check.difference() <= 1e-5
    kernel = check.dense_adam
    for wrong in (1.001, float("nan")):
        monkeypatch.setattr(
            check, "dense_adam", lambda *given, by=wrong: [by * each for each in kernel(*given)]
        )
        assert not check.difference() <= 1e-4


def test_it_is_tried_once_a_machine(kept, tries):
    for _ in range(3):
        assert check.failure() == "it crashed, signal 11"
    assert len(tries) == 1
    kept.write_text("{")  # damaged
    assert check.failure()
    assert len(tries) == 2
    assert json.loads(kept.read_text()) == {"failure": "it crashed, signal 11"}


def test_it_is_tried_again_where_nothing_can_be_kept(kept, tries, monkeypatch):
    monkeypatch.setattr(check, "default_folder", lambda: kept.parent / "file" / "programs")
    (kept.parent / "file").touch()
    assert check.failure()
    assert check.failure()
    assert len(tries) == 2


def test_what_failed_is_not_used_and_said(kept, tries):
    assert not fastest_rule("map").fused
    assert is_here(rule_of(fused=False))
    assert not is_here(rule_of(fused=True))
    assert complaint() == (
        "the fast kernel failed its check on this machine (it crashed, signal 11); trainings that "
        f"begin here do without it, and take longer; remove {kept} to have it checked again"
    )


def test_what_passed_is_used_in_silence(kept, monkeypatch):
    monkeypatch.setattr(check, "tried", lambda: "")
    assert fastest_rule("map").fused
    assert not fastest_rule("vmap").fused
    assert is_here(rule_of(fused=True))
    assert complaint() == ""


def test_a_machine_without_a_kernel_tries_none(kept, tries, monkeypatch):
    monkeypatch.setattr(update.check, "wanted", lambda: False)
    assert not fastest_rule("map").fused
    assert not is_here(rule_of(fused=True))
    assert complaint() == ""
    assert not tries
