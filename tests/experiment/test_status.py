"""What became of a run, also of one that could not say."""

import subprocess
import sys

from nst.experiment import status


def test_a_run_whose_process_is_gone_was_killed(tmp_path):
    code = "from pathlib import Path; from nst.experiment import status;"
    code += f"status.write(Path({str(tmp_path)!r}), 'running')"
    subprocess.run([sys.executable, "-c", code], check=True)
    fields = status.read(tmp_path)
    assert fields["state"] == "killed"
    assert "left no word" in fields["reason"]


def test_a_run_that_goes_on_is_running_and_one_elsewhere_is_not_known(tmp_path):
    status.write(tmp_path, "running")
    assert status.read(tmp_path)["state"] == "running"
    status.write(tmp_path, "running", host="another.example", pid=2**22 - 1)
    assert status.read(tmp_path)["state"] == "running"


def test_a_run_goes_on_only_from_what_is_there(tmp_path):
    assert status.how_to_go_on(tmp_path) == f"it kept no state; to begin again: resume={tmp_path}"
    assert "no state" in status.how_to_go_on(tmp_path, several=True)
    (tmp_path / "last.ckpt").touch()
    assert status.how_to_go_on(tmp_path) == f"to go on: resume={tmp_path}"
    assert status.how_to_go_on(tmp_path, several=True) == f"to go on: the same command with base={tmp_path}"


def test_no_status_or_a_damaged_one_is_none(tmp_path):
    assert status.read(tmp_path) == {}
    for text in ("", "[]", '{"state": 3}', "{"):
        (tmp_path / "status.json").write_text(text)
        assert status.read(tmp_path) == {}
