import re
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.mark.slow
def test_the_cost_of_lightning_is_printed(tmp_path):
    command = [sys.executable, str(ROOT / "scripts/overhead.py"), "size=48", "logger=none", "threads=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"turn \d: bare [\d.]+ s, Lightning [\d.]+ s an evaluation, ratio", done.stdout)) == 5
    assert re.search(r"median ratio [\d.]+ at 48 px", done.stdout)
