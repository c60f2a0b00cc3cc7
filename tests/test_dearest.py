"""What a test costs is told, shared fixtures apart, and one that is too dear fails."""

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = """
import time
import pytest

def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

@pytest.fixture(scope="module")
def shared():
    work(0.5)

def test_cheap(shared):
    pass

def test_dear(shared):
    work(0.3)

@pytest.mark.dear
def test_dear_and_marked():
    work(0.4)

@pytest.mark.slow
def test_slow():
    work(0.4)

def test_dear_in_a_child():
    import subprocess, sys
    code = "import time\\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
"""


def test_dear_tests_are_named_and_fail_unless_they_are_marked(tmp_path):
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow\n    dear\n")
    (tmp_path / "conftest.py").write_text("import dearest\ndearest.MOST = 0.2\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "dearest", "-q", "-p", "no:xdist"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"test_dear takes 0\.[3-9] s of processor time, of which", ended.stdout)
    failed = set(re.findall(r"FAILED test_some\.py::(\w+)", ended.stdout))
    assert failed == {"test_dear", "test_dear_in_a_child"}
    named = re.findall(r"^ +\d+\.\d s  test_some\.py::(.+)$", ended.stdout, re.M)
    assert named[0] == "shared (shared)"
    assert named[-1] == "test_cheap"
