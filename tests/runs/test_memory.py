"""What the kernel's control groups tell of processes that were killed for their memory."""

import pytest

from fmnbench.runs.executors.memory import kernel_kills

V1 = "9:name=systemd:/\n4:memory:/jobs/one\n3:cpuset:/\n0::/\n"
V2 = "0::/user.slice/one\n"


@pytest.mark.parametrize(
    ("own", "place"),
    [
        (V1, "memory/jobs/one/memory.oom_control"),
        (V1, "memory/memory.oom_control"),
        (V2, "user.slice/one/memory.events"),
        (V2, "memory.events"),
    ],
)
def test_the_count_of_the_own_control_group_is_read(own, place, tmp_path):
    given = tmp_path / "own"
    given.write_text(own)
    path = tmp_path / "groups" / place
    path.parent.mkdir(parents=True)
    path.write_text("low 7\noom 5\nunder_oom 0\noom_kill 3\noom_group_kill 1\n")
    assert kernel_kills(given, tmp_path / "groups") == 3


def test_without_a_control_group_of_memory_there_is_no_count(tmp_path):
    given = tmp_path / "own"
    given.write_text(V1)
    assert kernel_kills(given, tmp_path / "groups") is None
    assert kernel_kills(tmp_path / "none", tmp_path / "groups") is None
