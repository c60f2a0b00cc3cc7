"""What goes out: nothing that a terminal obeys, in any encoding, whoever stops listening."""

import errno
import io
import json
import shutil
import sys

import pytest

from latentsweep.commands.display import Terminal
from latentsweep.commands.output import guarded, plain
from latentsweep.errors import refusal

ESCAPES = "\x1b]0;title\x07\x1b[2J\u202e"
SHOWN = r"\x1b]0;title\x07\x1b[2J\u202e"


class Refusing(io.StringIO):
    """A stream whose disk is full, or whose reader is gone."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number

    def write(self, _: str) -> int:
        raise OSError(self.number, "No space left on device")


@pytest.fixture
def encoded(monkeypatch):
    """Standard output in an encoding, and what arrived there."""

    def put(encoding: str):
        held = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding))
        return lambda: held.getvalue().decode(encoding)

    return put


def test_what_a_terminal_would_obey_is_shown():
    assert plain(f"a{ESCAPES}\tb\n\udcff") == f"a{SHOWN}\tb\n\\udcff"
    assert plain("Größe × 2 − ☃") == "Größe × 2 − ☃"


def test_escapes_of_a_strangers_run_do_not_reach_the_terminal(cli, tiny_run, tmp_path):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    answers = json.loads((run / "answers.json").read_text())
    none = {"status": "not judged", "latent_size": None, "sentence": ESCAPES}
    answers["recommendation"] = none
    (run / "answers.json").write_text(json.dumps(answers))
    ended = cli("summary", run)
    assert (ended.code, ended.err) == (0, "")
    assert SHOWN in ended.out
    assert not {"\x1b", "\x07", "\u202e"} & set(ended.out)


def test_an_errors_line_has_no_escapes_and_no_more_than_300_characters(cli):
    ended = cli("run", ESCAPES + 300 * "ab")
    assert ended.code == 2
    assert SHOWN in ended.err
    assert len(ended.err.rstrip("\n")) <= 300
    assert " ... " in ended.err


def test_live_pictures_have_their_own_escapes_and_no_others(monkeypatch):
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    with guarded(), Terminal() as terminal:
        terminal.stage(ESCAPES, 2)
        terminal.say(ESCAPES)
        terminal.advance(1)
        terminal.live.refresh()
    shown = screen.getvalue()
    assert "\x1b[" in shown
    assert SHOWN in shown.replace("\r", "")
    assert ESCAPES not in shown
    assert "\x07" not in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_what_an_encoding_lacks_is_written_plainly(encoding, cli, encoded, tiny_run):
    whole = cli("summary", tiny_run).out
    told = encoded(encoding)
    assert cli("summary", tiny_run).code == 0
    assert "−" in whole
    assert told().count("-") >= whole.count("-") + whole.count("−")
    assert "?" not in told().replace("?", "", whole.count("?"))


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (errno.EPIPE, 0, ""),
        (errno.ENOSPC, 2, "latentsweep: standard output: No space left on device; send it"),
    ],
)
def test_output_that_goes_nowhere_stops_nothing(number, code, line, cli, monkeypatch, tiny_run):
    monkeypatch.setattr(sys, "stdout", Refusing(number))
    ended = cli("studies")
    assert ended.code == code
    assert ended.err.startswith(line)
    assert ended.err.count("\n") == bool(line)


def test_without_any_output_all_goes_on(cli, monkeypatch, tiny_run):
    monkeypatch.setattr(sys, "stdout", None)
    assert cli("summary", tiny_run).code == 0


def test_what_the_system_refuses_is_one_line(cli, monkeypatch, tiny_run):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "/disk/run")

    monkeypatch.setattr("latentsweep.record.folder.RunFolder.results", full)
    ended = cli("summary", tiny_run)
    assert (ended.code, ended.err) == (
        2,
        "latentsweep: /disk/run: No space left on device; make room, and the same command goes "
        "on: nothing is lost\n",
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("odd\nthing"), "odd thing; mend that, and the same command goes on"),
        (PermissionError(errno.EACCES, "denied", b"x"), "x: denied; see to its permissions, and"),
        (OSError(errno.EBADF, "bad", 3), "bad; mend that, and"),
    ],
)
def test_a_refusal_says_as_much_as_is_known(error, line):
    assert refusal(error).startswith(line)


def test_a_name_that_is_no_utf8_is_one_line(cli):
    ended = cli("run", "digits", "-o", "\udcff")
    assert (ended.code, ended.err) == (
        2,
        "latentsweep: \\udcff: a name in UTF-8 is needed; rename it, or choose another\n",
    )


@pytest.mark.parametrize("kind", [RuntimeError, AssertionError])
def test_a_platform_that_jax_has_not_is_one_line(kind, cli, monkeypatch, tiny_run):
    def odd(*_):
        raise kind("Unable to initialize backend 'cuda'")

    monkeypatch.setattr("latentsweep.record.folder.RunFolder.results", odd)
    with pytest.raises(kind):
        cli("summary", tiny_run)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(kind):
        cli("summary", tiny_run)  # JAX can start: it is another error
    monkeypatch.setattr("jax.devices", odd)
    ended = cli("summary", tiny_run)
    assert ended.code == 2
    assert ended.err.startswith("latentsweep: JAX_PLATFORMS: a platform that JAX finds here is")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("command", ["run --data", "recommend"])
def test_a_large_file_is_named_before_it_is_read(command, cli, monkeypatch, tmp_path):
    (tmp_path / "x.npy").write_bytes(b"no array")
    (tmp_path / "images").mkdir()
    assert cli(*command.split(), "x.npy").out == ""
    assert cli(*command.split(), "images").out == "reading images ...\n"
    monkeypatch.setattr("latentsweep.commands.own_data._LARGE", 7)
    ended = cli(*command.split(), "x.npy")
    assert (ended.code, ended.out) == (2, "reading x.npy ...\n")
