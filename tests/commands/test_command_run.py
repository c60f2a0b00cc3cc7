import re
from pathlib import Path

import pytest

from latentsweep.commands import run as command
from latentsweep.record.folder import RunFolder

NAMES = ["keras-blog-k02-s0", "elbo-k02-s0", "keras-blog-k03-s0", "elbo-k03-s0"]


def test_a_dry_run_prints_plan_price_and_folder_and_writes_nothing(cli, tmp_path, tiny_toml):
    ended = cli("run", tiny_toml, "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "tiny"
    assert lines[1] == (
        "data    digits: 1,438 to train, 359 to test; 8 x 8 x 1 each; bernoulli likelihood"
    )
    assert lines[2] == "values  1,797 x 8 x 8 x 1, whole numbers, from 0 to 16"
    assert lines[3] == "scale   values divided by 16"
    assert lines[4].startswith("labels  10: 0 (178), 1 (182), ")
    assert lines[5] == "network dense, 16 ReLU units each way"
    assert lines[6] == "models  4: sizes 2, 3 x keras-blog, elbo x 1 seed, 90 steps each"
    assert re.fullmatch(
        r"price   about \d+ (s|min) on this machine, from nothing to the report", lines[7]
    )
    assert lines[8:] == ["folder  runs/tiny"]
    assert list(tmp_path.iterdir()) == []


def test_options_change_the_plan(cli, tiny_toml):
    words = ["--latents=4", "--seeds=3", "--epochs=5", "--objective=elbo", "--set=batch_size=100"]
    lines = cli("run", tiny_toml, *words, "-o", "x", "--dry-run").out.splitlines()
    assert lines[6] == "models  3: sizes 4 x elbo x 3 seeds, 75 steps each"
    assert lines[8] == "folder  x"


@pytest.mark.parametrize(
    ("settings", "network", "family"),
    [
        (["hidden_size=32,16"], "dense, 32, 16 ReLU units each way", "keras-blog, elbo"),
        (
            ["network=convolutional", "kl_weight=0.5,1"],
            "convolutional, 16 ReLU units between",
            "keras-blog, elbo, keras-blog_b0.5, elbo_b0.5",
        ),
        (["network=model.own_networks:Pair"], "model.own_networks:Pair", "keras-blog, elbo"),
    ],
)
def test_the_plan_names_the_networks(cli, tiny_toml, monkeypatch, settings, network, family):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    words = [f"--set={setting}" for setting in settings]
    lines = cli("run", tiny_toml, *words, "--dry-run").out.splitlines()
    assert lines[5] == f"network {network}"
    assert f": sizes 2, 3 x {family} x 1 seed, " in lines[6]


def test_convolutions_need_pictures(cli):
    ended = cli("run", "--data=iris", "--set=network=convolutional", "--dry-run")
    assert ended.code == 2
    assert ended.err == (
        "latentsweep: network: convolutional needs pictures of 4 x 4 at least, got items of [4] in "
        "iris; leave it at dense\n"
    )


def test_a_study_of_the_package_is_described(cli):
    assert cli("run", "digits", "--dry-run").out.startswith(
        "study   digits: Small digits that need no download, in under a minute\n"
    )


def test_an_option_beats_a_setting(cli, tiny_toml):
    ended = cli("run", tiny_toml, "--set", "epochs=7", "--epochs", 1, "--dry-run")
    assert "45 steps each" in ended.out


def test_without_mnist_it_is_the_digits_and_the_first_line_says_so(cli, monkeypatch):
    monkeypatch.setattr("latentsweep.workflow.run.mnist_at_hand", lambda: False)
    ended = cli("run", "--dry-run")
    first, second, *_ = ended.out.splitlines()
    assert first.startswith("MNIST can't be had here, so this is the digits study. To get MNIST: ")
    assert "LATENTSWEEP_DATA" in first
    assert second.startswith("study   digits: ")


def test_with_mnist_it_is_mnist_and_the_first_line_says_so(cli, monkeypatch, mnist_folder):
    del mnist_folder
    monkeypatch.setattr("latentsweep.workflow.run.mnist_at_hand", lambda: True)
    ended = cli("run", "--dry-run")
    first, second, third, *_ = ended.out.splitlines()
    assert first == (
        "MNIST can be had, so this is the mnist study; 'latentsweep run digits' takes a minute."
    )
    assert second.startswith("study   mnist: ")
    assert "60,000 to train, 10,000 to test" in third


def test_a_run_shows_its_results_as_they_come_and_names_what_to_open(
    cli, tmp_path, tiny_toml, monkeypatch, pictures_stand_in
):
    monkeypatch.setattr(
        command.sys, "argv", ["latentsweep", "run", str(tiny_toml), "-o", "a folder"]
    )
    ended = cli("run", tiny_toml, "-o", "a folder")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert [line for line in lines if line.endswith(" ...")] == [
        "training ...",
        "t-SNE ...",
        "report ...",
    ]
    measured = [line for line in lines if re.match(r"  [\w-]+: loss", line)]
    assert [line.split(":")[0].strip() for line in measured] == NAMES
    assert lines[-1] == "Open a folder/report.html"
    assert (tmp_path / "a folder" / "report.html").exists()
    manifest = RunFolder(tmp_path / "a folder").manifest()
    assert manifest["command"] == f"latentsweep run {tiny_toml} -o 'a folder'"


def test_a_finished_run_says_so_and_shows_its_results_again(cli, tiny_toml, tiny_run):
    ended = cli("run", tiny_toml, "-o", tiny_run)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert f"{tiny_run} is already complete; --force makes it anew" in lines
    assert lines[-1] == f"Open {tiny_run / 'report.html'}"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "about 10 s"),
        (44, "about 40 s"),
        (120, "about 2 min"),
        (5399, "about 90 min"),
        (9000, "about 2.5 h"),
    ],
)
def test_a_price_is_rounded_as_an_estimate(seconds, words):
    from latentsweep.commands.display import duration

    assert duration(seconds) == words
