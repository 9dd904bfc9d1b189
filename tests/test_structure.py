"""What must not import torch. Import rules are in pyproject.toml (import-linter)."""

import subprocess
import sys


def test_the_sweep_and_its_gallery_import_nothing_heavy():
    code = (
        "import sys, nst.sweeps.gallery, nst.sweeps.launch, nst.sweeps.worker;"
        "print(sorted({'torch', 'lightning'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
