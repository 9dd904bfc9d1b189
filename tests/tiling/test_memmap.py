"""Maps in files: the same numbers, in any type, and no file and no memory left."""

from pathlib import Path

import pytest
import torch

from nst.tiling.memmap import Paged, page, part

FILES = Path("/proc/self/fd")
ROWS, COLUMNS = slice(3, 9), slice(0, 5)


def opened() -> int | None:
    return len(list(FILES.iterdir())) if FILES.exists() else None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_part_is_that_of_the_map(dtype, layout) -> None:
    value = torch.rand(1, 7, 11, 13).to(dtype).contiguous(memory_format=layout)
    kept = Paged(value)
    assert torch.equal(kept.part(ROWS, COLUMNS), value[..., ROWS, COLUMNS])
    assert torch.equal(kept.part(slice(None), slice(None)), value)
    assert kept.part(slice(4, 4), COLUMNS).shape == (1, 7, 0, 5)


def test_a_part_is_a_copy() -> None:
    kept = Paged(torch.ones(1, 2, 12, 6))
    kept.part(ROWS, COLUMNS).zero_()
    assert kept.part(ROWS, COLUMNS).min() == 1


def test_the_file_has_no_name_and_ends_with_the_map(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = opened()
    kept = page({"a": torch.rand(1, 2, 12, 6)})
    assert isinstance(kept["a"], Paged)
    assert not list(tmp_path.iterdir())
    del kept
    assert opened() == before


def test_without_room_the_map_stays_in_memory_and_a_line_says_so(monkeypatch, caplog) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc")  # no file can be made there
    maps = {"a": torch.rand(1, 2, 12, 6)}
    kept = page(maps)
    assert kept["a"] is maps["a"]
    assert torch.equal(part(kept["a"], ROWS, COLUMNS), maps["a"][..., ROWS, COLUMNS])
    (record,) = caplog.records
    assert "stay in memory" in record.message and "TMPDIR" in record.message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
def test_a_disk_that_fills_while_it_is_written_is_no_crash(monkeypatch, caplog) -> None:
    maps = {"a": torch.rand(1, 64, 64, 64)}
    with Path("/dev/full").open("r+b", buffering=0) as full:
        monkeypatch.setattr("nst.tiling.memmap.tempfile.TemporaryFile", lambda: full)
        assert page(maps)["a"] is maps["a"]
    assert "stay in memory" in caplog.text
