"""Every script imports: what it takes of nst is there."""

import importlib
import sys

import pytest
from conftest import ROOT

SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_imports(name, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    sys.modules.pop(name, None)
    importlib.import_module(name)
