"""How much memory is free, as the system and its containers say."""

import torch

from nst.tiling import memory


def test_limits_of_containers_count(tmp_path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable:    8000000 kB\n")
    cpu = torch.device("cpu")
    assert memory.free_memory(cpu, tmp_path) == 8_000_000 * 1024
    (tmp_path / "proc/self/cgroup").write_text("0::/job/task\n")
    for folder, limit, used in (("job", "3000000000", "1500000000"), ("job/task", "max", "100000000")):
        group = tmp_path / "sys/fs/cgroup" / folder
        group.mkdir(parents=True, exist_ok=True)
        (group / "memory.max").write_text(limit + "\n")
        (group / "memory.current").write_text(used + "\n")
        (group / "memory.stat").write_text("anon 5\ninactive_file 500000000\n")
    assert memory.free_memory(cpu, tmp_path) == 2_000_000_000  # the pages of files can be dropped
    (tmp_path / "proc/self/cgroup").write_text("5:cpu,memory:/docker/ab\n2:cpuset:/\n")
    group = tmp_path / "sys/fs/cgroup/memory"
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text("1000000000\n")
    (group / "memory.usage_in_bytes").write_text("400000000\n")
    (group / "memory.stat").write_text("total_inactive_file 100000000\n")
    assert memory.free_memory(cpu, tmp_path) == 700_000_000


def test_where_the_system_does_not_say_nothing_is_known(tmp_path) -> None:
    assert memory.free_memory(torch.device("cpu"), tmp_path) is None
