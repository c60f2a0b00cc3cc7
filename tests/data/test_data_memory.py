"""What is free is what the machine and the container both still give."""

from pathlib import Path

import pytest

from latentsweep.data import memory

TREES = {
    "no groups": ({}, []),
    "no limit": ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "max"}, []),
    "version 2, in its container": (
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/memory.max": "1000",
            "sys/fs/cgroup/memory.current": "700",
            "sys/fs/cgroup/memory.stat": "anon 500\ninactive_file 150\nactive_file 50",
        },
        [450],
    ),
    "version 2, a service under a slice": (
        {
            "proc/self/cgroup": "0::/user.slice/one",
            "sys/fs/cgroup/user.slice/one/memory.max": "1000",
            "sys/fs/cgroup/user.slice/one/memory.current": "100",
            "sys/fs/cgroup/user.slice/memory.max": "2000",
            "sys/fs/cgroup/user.slice/memory.current": "1800",
        },
        [900, 200],
    ),
    "version 1, named as outside": (
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/a1\n4:memory:/docker/a1\n0::/",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "1000",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "600",
            "sys/fs/cgroup/memory/memory.stat": "cache 90\ntotal_inactive_file 80",
            "sys/fs/cgroup/cpu/memory.max": "1",
        },
        [480],
    ),
}


@pytest.mark.parametrize("case", TREES)
def test_limits_of_containers_are_found(tmp_path, case):
    files, expected = TREES[case]
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    assert list(memory._free_of_groups(tmp_path)) == expected


def test_the_least_counts_and_nothing_is_less_than_nothing(monkeypatch):
    for groups, expected in (([], 500), ([900, 200], 200), ([-5], 0)):
        monkeypatch.setattr(memory, "_free_of_machine", lambda: 500)
        monkeypatch.setattr(memory, "_free_of_groups", lambda _, groups=groups: iter(groups))
        assert memory.free_memory() == expected


def test_this_machine_is_asked():
    assert memory.free_memory() <= memory._free_of_machine() + 2**30
    assert list(memory._free_of_groups(Path("/no/such/root"))) == []
