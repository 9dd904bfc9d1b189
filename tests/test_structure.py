"""What must not be imported: it takes seconds. Import rules are in pyproject.toml (import-linter)."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("nst.sweeps.gallery, nst.sweeps.launch, nst.sweeps.worker", "'torch', 'lightning'"),
        (
            "nst.inference.stylize; from nst.networks import io; io.load(io.bundled('any_style'))",
            "'torchvision', 'lightning', 'scipy', 'hydra', 'torch._dynamo'",
        ),
    ],
)
def test_nothing_heavy_is_imported(modules, heavy):
    code = f"import sys, {modules}; print(sorted({{{heavy}}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
