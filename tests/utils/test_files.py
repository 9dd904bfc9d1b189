"""Atomic writes."""

import errno

import pytest

from nst.utils import files


def test_a_file_that_cannot_be_written_whole_leaves_the_last_one(tmp_path, monkeypatch):
    files.write(tmp_path / "a", b"good")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="the disk is full"):
        files.write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"good"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot write .*gone.a: the folder .*gone is gone") as caught:
        files.write(tmp_path / "gone" / "a", b"x")
    assert caught.value.errno == errno.ENOENT
