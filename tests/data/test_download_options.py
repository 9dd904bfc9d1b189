"""The options of fetching, as `conf/download` has them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from nst.data.download import Download
from nst.utils import typecheck

TARGET = "nst.data.download.Download"


def values() -> dict[str, Any]:
    """The configured ones, by their names."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "conf/download/default.yaml").read_text(encoding="utf-8"))
    assert found.pop("_target_") == TARGET
    return found


def test_the_configuration_is_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Download(**values())
    assert given.schemes == ("https",)
    assert given.connect <= 5
    monkeypatch.setenv("NST_CACHE", "/somewhere")
    assert given.folder == Path("/somewhere")
    monkeypatch.delenv("NST_CACHE")
    assert given.folder.name == "nst"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"timeout": "abc"}, "download.timeout is 'abc'; expected a number"),
        ({"deadline": float("inf")}, "download.deadline is inf; expected a finite number"),
        ({"retries": 1.5}, "download.retries is 1.5; expected a whole number"),
        ({"hosts": "example.org"}, "download.hosts is 'example.org'; expected a list"),
    ],
)
def test_options_of_the_wrong_kind_are_refused(changes: dict[str, object], line: str) -> None:
    given = {"_target_": TARGET} | values()
    typecheck.check({"download": given})
    with pytest.raises(ValueError) as caught:
        typecheck.check({"download": given | changes})
    assert line in str(caught.value)


def test_negative_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"download.deadline is -1; give 0 or more"):
        Download(**values() | {"deadline": -1})
