"""The house: who may import whom, how large a file is, what every option has."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SOURCES = sorted((ROOT / "src/nst").rglob("*.py"))
KNOWS_HYDRA = {"run.py", "paint.py", "learn.py", "build.py", "jobs.py", "sweep.py", "remake.py", "slurm.py", "logs.py"}
KNOWS_HYDRA |= {"scene.py", "levels.py", "finish.py", "resume.py"}

LEAVES = {"nst.files", "nst.limits", "nst.ranks"}
"""Of which leaves may take."""


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src/nst")))
def test_only_the_door_knows_hydra(path):
    known = {name.split(".")[0] for name in imports(path)} & {"hydra", "omegaconf"}
    assert not known or path.name in KNOWS_HYDRA


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("losses", ("nst.backbones", "nst.methods", "nst.objective", "nst.images", "nst.callbacks", "lightning")),
        ("backbones", ("nst.losses", "nst.methods", "nst.objective", "nst.callbacks", "lightning")),
        ("methods", ("nst.callbacks", "nst.run", "nst.build", "nst.record")),
        ("callbacks", ("nst.run", "nst.build", "nst.record")),
    ],
)
def test_imports_point_one_way(folder, forbidden):
    for path in (ROOT / "src/nst" / folder).glob("*.py"):
        for name in imports(path):
            assert not name.startswith(forbidden), f"{path.name} imports {name}"


@pytest.mark.parametrize(
    "name",
    [
        "files",
        "onednn",
        "images",
        "pyramid",
        "download",
        "schema",
        "cli",
        "threads",
        "ranks",
        "memory",
        "limits",
        "lock",
    ],
)
def test_the_leaves_import_nothing_of_ours(name):
    assert not any(
        other.startswith("nst")
        for other in imports(ROOT / f"src/nst/{name}.py")
        if other.rpartition(".")[0] not in LEAVES and other not in LEAVES
    )


def test_the_gallery_and_the_sweep_import_nothing_heavy():
    code = "import sys, nst.gallery, nst.sweep, nst.jobs; print(sorted({'torch', 'lightning'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src/nst")))
def test_a_file_fits_three_screens(path):
    assert len(path.read_text().splitlines()) <= 250


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
