"""A short torture: what `make torture` does for minutes, for as long as a slow test may take."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "torture.py"


@pytest.mark.slow
def test_nothing_that_happens_to_a_run_breaks_a_command():
    words = [sys.executable, str(SCRIPT), "--seconds", "45"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    rows = [line.split("|")[1:-1] for line in ended.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 7, ended.stderr
    assert all(int(row[1]) > 0 for row in rows[2:])
    assert ended.returncode == 0, ended.stdout
