"""Each study of docs/break-it raises its own alarm, and no other."""

import re
from pathlib import Path

import pytest

from latentsweep import load_study, run

FOLDER = Path(__file__).parents[2] / "docs" / "break-it"
OWN = {
    "sound": [],
    "noise-of-a-tenth": ["impossible"],
    "means-for-sums": ["means-for-sums"],
    "beta-of-four": ["kl-weight"],
    "rate-of-a-tenth": ["collapse"],
    "one-epoch": ["not-converged"],
}


def test_every_study_is_tested_and_in_the_table():
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(OWN)
    rows = [line for line in (FOLDER / "README.md").read_text("utf-8").splitlines() if "](" in line]
    told = {
        re.findall(r"\[([\w-]+)\.toml\]", row)[0]: re.findall(r"`([\w-]+)`", row) for row in rows
    }
    for name, alarms in OWN.items():
        assert told[name][: len(alarms)] == alarms


@pytest.mark.parametrize("name", OWN)
def test_a_study_raises_its_own_alarm_alone(name, tmp_path, without_report):
    done = run(load_study(str(FOLDER / f"{name}.toml")), tmp_path / name)
    raised = done.folder.alarms()
    assert [alarm["alarm"] for alarm in raised] == OWN[name]
    assert all(alarm["seen"] and alarm["remedy"] for alarm in raised)
    assert (done.results["status"] == "ok").all()


def test_a_weight_does_not_change_what_the_true_bound_is(tmp_path, without_report):
    """Of a beta-VAE and of means too: −ELBO = reconstruction + KL, the loss what was trained."""
    for name, weight, scale in (("beta-of-four", 4.0, 1.0), ("means-for-sums", 8.0, 1 / 64)):
        study = load_study(str(FOLDER / f"{name}.toml")).changed({"epochs": 2})
        row = run(study, tmp_path / name).results.iloc[0]
        assert row["penalty"] == pytest.approx(weight * row["rate"], rel=1e-3)
        assert row["neg_elbo"] == pytest.approx(row["reconstruction"] + row["rate"], rel=1e-5)
        whole = row["reconstruction"] + row["penalty"]
        assert row["loss"] == pytest.approx(scale * whole, rel=1e-5)
