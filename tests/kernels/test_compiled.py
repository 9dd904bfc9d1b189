"""The C is compiled once, or one line says why it is not."""

import logging
import stat
import subprocess

import pytest
import torch
from conftest import IN_C
from torch import nn

from nst.kernels import compiled
from nst.kernels.winograd import FEWEST_CHANNELS, WinogradConv2d

pytestmark = IN_C


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Nothing loaded yet, and a cache folder of its own."""
    monkeypatch.setenv("NST_CACHE", str(tmp_path / "nst"))
    monkeypatch.setattr(compiled, "_library", compiled._library.__wrapped__)
    return tmp_path / "nst" / "native"


def test_it_is_compiled_once_and_leaves_one_file(fresh, monkeypatch) -> None:
    assert compiled.library() is not None
    assert [path.suffix for path in fresh.iterdir()] == [".so"]
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("compiled again"))
    assert compiled.library() is not None


@pytest.mark.slow
def test_each_kind_of_processor_has_its_own_file(fresh, monkeypatch) -> None:
    compiled.library()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    compiled.library()
    assert len(list(fresh.iterdir())) == 2


@pytest.mark.parametrize(
    ("compiler", "says"),
    [
        ("there-is-none", "there is no C compiler here (there-is-none)"),
        ("false", "returned non-zero exit status 1"),
        ("broken", "the compiler says: no licence"),
        ("liar", "file too short"),
    ],
)
def test_without_a_compiler_one_line_says_so_and_torch_convolves(fresh, monkeypatch, caplog, compiler, says) -> None:
    script = {"broken": "echo 'no licence' >&2; exit 3", "liar": 'for last; do :; done; : > "$last"'}.get(compiler)
    if script:
        path = fresh.parent.parent / compiler
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        compiler = str(path)
    monkeypatch.setenv("CC", compiler)
    with caplog.at_level(logging.WARNING):
        assert compiled.library() is None
    (record,) = caplog.records
    line = record.getMessage()
    assert line.count("\n") == 0 and line.startswith("warning: a step with the wavelets or VGG") and says in line
    assert not list(fresh.glob("*"))  # nothing that a later run would trip over
    layer = WinogradConv2d(nn.Conv2d(FEWEST_CHANNELS, FEWEST_CHANNELS, 3, padding=1).requires_grad_(False))
    x = torch.randn(1, FEWEST_CHANNELS, 20, 20)
    assert torch.equal(layer(x), layer.conv(x))


def test_a_cache_that_cannot_be_written_is_named(fresh, monkeypatch, caplog) -> None:
    fresh.parent.parent.joinpath("file").touch()
    monkeypatch.setenv("NST_CACHE", str(fresh.parent.parent / "file"))
    assert compiled.library() is None
    assert "file/native: Not a directory; choose a folder with NST_CACHE" in caplog.text


def test_on_other_systems_nothing_is_compiled_nor_said(fresh, monkeypatch, caplog) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert compiled.library() is None
    assert not caplog.records and not fresh.exists()
