"""`nst --help` and its kin: at once, complete, and with what other packages add."""

import resource
import subprocess
import sys

import pytest
from conftest import ROOT

import nst
from nst.__main__ import COMMANDS
from nst.commands import usage

LIMIT = 0.3  # seconds of the processor: other programs share the machine


def ran(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nst", *words], capture_output=True, text=True, check=False)


def test_help_names_every_command_group_option_and_key():
    shown = usage.text(COMMANDS)
    assert all(f"nst {word}" in shown for word in COMMANDS)
    for file in (ROOT / "conf").rglob("*/*.yaml"):
        group = file.parent.relative_to(ROOT / "conf").as_posix()
        assert group.endswith("_logging") or {group, file.stem} <= {w.lstrip("*") for w in shown.split()}, file
    assert "*small_vgg19" in shown and "size: 512 " in shown


def test_help_comes_at_once():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = ran("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and "style" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= LIMIT


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    done = ran(command, "--help")
    assert done.returncode == 0, done.stderr
    assert f"nst {command}" in done.stdout


def test_the_version_is_told():
    assert ran("--version").stdout == f"nst {nst.__version__}\n"


def test_options_of_a_folder_are_in_its_help(tmp_path):
    (tmp_path / "style").mkdir()
    (tmp_path / "style" / "my_wall.yaml").write_text("")
    assert " my_wall" in usage.text(COMMANDS, str(tmp_path))


@pytest.mark.parametrize("words", [("--help",), ("stylize", "--help"), ("library",), ("--version",)])
def test_a_reader_that_goes_away_is_no_error(words):
    command = [sys.executable, "-m", "nst", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
