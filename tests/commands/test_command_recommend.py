"""`latentsweep recommend` from a run, from a table, and from data that is searched."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest

from latentsweep.commands.answers import paragraph, size_table
from latentsweep.record.folder import RunFolder
from latentsweep.workflow.answer import answer

SIZES = (2, 3, 4, 8)


@pytest.fixture
def table(tmp_path):
    """Losses of networks of four sizes and three seeds, of which 4 is the smallest that is good."""
    rng, examples = np.random.default_rng(0), np.arange(200)
    shared, rows = rng.normal(0, 5, 200), []
    for size, mean in zip((0, *SIZES), (60, 30, 22, 20, 20.01), strict=True):
        for seed in range(3 if size else 1):
            losses = mean + shared + rng.normal(0, 0.05) + rng.normal(0, 0.5, 200)
            rows.append(
                pd.DataFrame(
                    {"latent_size": size, "seed": seed, "example": examples, "loss": losses}
                )
            )
    path = tmp_path / "losses.parquet"
    pd.concat(rows).to_parquet(path)
    return path


def text(ended):
    """What was printed, its line ends as spaces."""
    return " ".join(ended.out.split())


def test_a_word_with_a_hyphen_stays_whole_at_the_end_of_a_line():
    words = f"{'x' * 88} held-out examples"
    assert paragraph(words) == ["x" * 88, "held-out examples"]
    assert paragraph(words, "  ")[1] == "  held-out examples"


def test_a_table_of_losses_is_answered(cli, table):
    ended = cli("recommend", "--losses", table)
    assert (ended.code, ended.err) == (0, "")
    assert "4 latent dimensions (90 % set 4)" in text(ended)
    assert re.search(r"^ +4 +3 +20\.\d\d .*<- the smallest that is enough$", ended.out, re.M)
    assert "active" not in ended.out.splitlines()[1]
    assert "Open" not in ended.out
    assert max(map(len, ended.out.splitlines())) <= 96


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (3, "3: too small; the answer is 4; "),
        (4, "4: in the 90 % set, 4 to 4; "),
        (8, "8: enough, and more than is needed: the answer is 4; "),
        (30, "30 was not tried; the sizes tried are 2, 3, 4, 8."),
    ],
)
def test_a_size_in_use_is_checked(cli, table, size, expected):
    assert expected in text(cli("recommend", "--losses", table, "--check", size))


def test_a_run_is_answered_and_nothing_in_it_is_touched(cli, tiny_run, tmp_path):
    here = shutil.copytree(tiny_run, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    ended = cli("recommend", here)
    assert ended.code == 0
    assert "too few seeds" in ended.out
    assert "The keras-blog models have no part in it" in text(ended)
    assert ended.out.endswith(f"\nOpen {here / 'report.html'}\n")
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before


def test_the_table_of_sizes_lines_up(tiny_run):
    found = answer(RunFolder(tiny_run)).json
    lines = size_table(found)
    assert len(lines) == 1 + len(found["rows"])
    ends = [re.search(r"size|^ +\d+", line).end() for line in lines]
    assert len(set(ends)) == 1


@pytest.mark.dear
def test_data_is_searched_and_the_same_command_is_quick_the_second_time(
    cli, tmp_path, pictures_stand_in
):
    chance = np.random.default_rng(0)
    values = chance.normal(size=(1_800, 1)) @ chance.normal(size=(1, 8))
    np.save(tmp_path / "line.npy", values + chance.normal(size=values.shape))
    few = ["--set", "hidden_size=16", "--set", "epochs=3", "--budget", "1s", "-o", "here"]
    ended = cli("recommend", "line.npy", *few)
    assert (ended.code, ended.err) == (0, "")
    words = text(ended)
    assert words.startswith("data line: ")
    assert "start 6 networks: sizes 2, 4, 8, seeds 0, 1 (a coarse grid)" in words
    assert "It says nothing of another network" in words
    again = cli("recommend", "line.npy", *few)
    assert "start   6 networks" not in again.out
    assert again.out.rpartition("report ...")[2] == ended.out.rpartition("report ...")[2]
    assert RunFolder(tmp_path / "here").manifest()["status"] == "complete"
