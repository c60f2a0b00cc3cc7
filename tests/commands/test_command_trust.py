"""A study or a run that comes from someone else runs no code that its user was not asked about."""

import importlib
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from latentsweep import Run, run
from latentsweep.errors import RunFolderError, StudyError
from latentsweep.model import consent

OWN = (Path(__file__).parents[1] / "model" / "own_networks.py").read_text("utf-8")
STUDY = """
name = "sent"
data = "digits"
network = "sent:Pair"
latent_sizes = [2, 3]
likelihood = "bernoulli"
objectives = ["elbo"]
epochs = 1
"""


@pytest.fixture
def sent(cli, tmp_path, monkeypatch):
    """A study that names `sent.py` beside it, which leaves a file when it is run."""
    monkeypatch.setattr(consent, "_trusted", set())
    monkeypatch.delitem(sys.modules, "sent", raising=False)
    (tmp_path / "sent.toml").write_text(STUDY)
    (tmp_path / "sent.py").write_text("open('ran', 'w').close()\n" + OWN)
    importlib.invalidate_caches()
    yield tmp_path
    sys.modules.pop("sent", None)


@pytest.fixture
def sent_run(sent, tiny_run):
    """A finished run whose study names it."""
    shutil.copytree(tiny_run, sent / "sent")
    study = sent / "sent" / "study.toml"
    study.write_text(study.read_text().replace('network = "dense"', 'network = "sent:Pair"'))
    return sent / "sent"


def refusal(folder: Path) -> str:
    return (
        f"network: sent:Pair would run {folder / 'sent.py'}, which the study or run names, not "
        "you; if you know that code give --trust, or trust=True in Python"
    )


@pytest.mark.parametrize("words", ["run sent.toml --dry-run", "run sent.toml", "evaluate sent"])
def test_commands_refuse_it_before_it_is_run(cli, sent, sent_run, words):
    ended = cli(*words.split())
    assert (ended.code, ended.err) == (2, f"latentsweep: {refusal(sent)}\n")
    assert not (sent / "ran").exists()
    assert not (sent / "runs").exists()


@pytest.mark.parametrize("words", ["sent.toml --trust", "digits --set=network=sent:Pair"])
def test_what_the_user_trusts_or_names_is_run(cli, sent, words):
    ended = cli("run", *words.split(), "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    assert "\nnetwork sent:Pair\n" in ended.out
    assert (sent / "ran").exists()


def test_evaluate_goes_on_with_trust(cli, sent, sent_run):
    with suppress(KeyError):  # its weights are those of another network
        cli("evaluate", sent_run, "--trust")
    assert (sent / "ran").exists()


@pytest.mark.parametrize(
    "words",
    [
        "summary sent",
        "report sent --only figures",
        "explore sent --no-open",
        "recommend sent",
        "export sent --latent 2 --to parquet",
    ],
)
def test_what_only_shows_runs_none(cli, sent, sent_run, pictures_stand_in, words):
    assert cli(*words.split()).code == 0
    assert not (sent / "ran").exists()


def test_python_asks_as_well(sent, sent_run):
    with pytest.raises(StudyError) as caught:
        run("sent.toml")
    assert str(caught.value) == refusal(sent)
    with pytest.raises(StudyError) as caught:
        Run.opened(sent_run).model("elbo", 2)
    assert str(caught.value) == refusal(sent)
    assert not (sent / "ran").exists()
    with suppress(KeyError, RunFolderError):  # its weights are those of another network
        Run.opened(sent_run).model("elbo", 2, trust=True)
    assert (sent / "ran").exists()


def test_a_run_whose_network_s_code_has_changed_neither_goes_on_nor_opens(sent, monkeypatch):
    monkeypatch.setattr("latentsweep.workflow.run._stages", lambda _: None)
    begun = run("sent.toml", trust=True)
    assert len(begun.folder.manifest()["code"]) == 64
    run("sent.toml", trust=True)
    del sys.modules["sent"]
    (sent / "sent.py").write_text(
        OWN.replace("jnp.tanh(x)", "jnp.sin(x)") + "\n# of another size\n"
    )
    importlib.invalidate_caches()
    for call in (lambda: run("sent.toml"), lambda: begun.model("elbo", 2)):
        with pytest.raises(RunFolderError, match="the code of its network sent:Pair has changed"):
            call()
    manifest = begun.folder.manifest()
    manifest["versions"]["jax"] = "0.1"  # whose programs look otherwise
    begun.folder.write_manifest(manifest)
    run("sent.toml")
