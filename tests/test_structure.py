"""What every option has, and what must not import torch. Import rules are in pyproject.toml (import-linter)."""

import subprocess
import sys

import pytest
from conftest import ROOT


def test_the_sweep_and_its_gallery_import_nothing_heavy():
    code = (
        "import sys, nst.sweep.gallery, nst.sweep.launch, nst.sweep.worker;"
        "print(sorted({'torch', 'lightning'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_backbone_has_its_layers_and_every_loss_its_weights():
    conf = ROOT / "conf"

    def options(group: str) -> set[str]:
        return {path.stem for path in (conf / group).glob("*.yaml")}

    assert options("backbone") <= options("layers")
    assert options("loss") <= options("weights")


@pytest.mark.parametrize("path", sorted((ROOT / "conf/experiment").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_recipe_says_source_command_time_and_result(path):
    head = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    for word in (f"experiment={path.stem}", "Time: ", "Result: "):
        assert word in head, f"{path.name} has no {word!r} on top"
