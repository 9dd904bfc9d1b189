"""The files by which nst is shipped say what pyproject.toml says."""

import re
import tomllib

import yaml
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_workflow_tests_every_python_that_is_promised():
    job = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]["test"]
    promised = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)}
    assert set(job["strategy"]["matrix"]["python"]) == promised
    assert min(promised) == PROJECT["requires-python"].lstrip(">=")
    assert len(job["strategy"]["matrix"]["os"]) == 3


def test_the_image_holds_the_program_and_starts_it():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert lines[-1] == 'ENTRYPOINT ["nst"]' and "nst" in PROJECT["scripts"]
    python = next(re.search(r"python:(3\.\d+)", line)[1] for line in lines if line.startswith("FROM"))
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    assert any("--torch-backend=cpu" in line for line in lines)


def test_the_changelog_has_the_version():
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()
