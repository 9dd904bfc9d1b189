import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import MissingConfigException

from nst.config.arguments import options_last, quoted
from nst.utils import errors


def value(argument: str) -> object:
    return OverridesParser.create().parse_override(argument).value()


@pytest.mark.parametrize(
    "name",
    [
        "me.jpg",
        "my photo.jpg",
        "a,b.jpg",
        "photo (1).jpg",
        "été à ~.png",
        "it's.jpg",
        "${x}.png",
        "a=b.jpg",
        "[1].png",
        "日本.webp",
    ],
)
def test_a_file_name_arrives_as_typed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    (argument,) = quoted([f"content.path={name}"])
    got = value(argument)
    assert (got if isinstance(got, str) else str(got)).replace("\\${", "${") == name


def test_what_is_quoted_stays():
    for argument in ("style.path='a b.jpg'", 'style.path="a,b.jpg"', "style.path=null", "size=3", "name=a b"):
        assert quoted([argument]) == [argument]


def test_in_a_sweep_commas_separate_files_unless_the_whole_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert quoted(["-m", "style.path=a (1).jpg,b.jpg"])[1] == "style.path='a (1).jpg',b.jpg"
    Path("a,b.jpg").touch()
    assert quoted(["-m", "style.path=a,b.jpg"])[1] == "style.path='a,b.jpg'"
    assert quoted(["-m", "style.path=glob(*)"])[1] == "style.path='a,b.jpg'"


def test_the_flag_of_a_sweep_may_stand_anywhere():
    assert quoted(["a=1", "-m", "b=2,3"]) == ["-m", "a=1", "b=2,3"]


def test_options_may_stand_on_both_sides_of_a_flag():
    assert options_last(["a=1", "--config-dir", "x", "~b", "-m"]) == ["--config-dir", "x", "-m", "a=1", "~b"]
    assert options_last(["a=1", "-cd", "c=d", "b=2"]) == ["-cd", "c=d", "a=1", "b=2"]  # a folder called c=d
    assert options_last(["a=1", "b=2"]) == ["a=1", "b=2"]


def test_a_list_of_files():
    (argument,) = quoted(["style.path=[a b.jpg,c.jpg]"])
    assert value(argument) == ["a b.jpg", "c.jpg"]


def test_help_answers_without_torch():
    code = "import sys, nst.cli; assert 'torch' not in sys.modules and 'lightning' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    source = (Path(__file__).parent.parent / "train.py").read_text()
    assert "import torch" not in source.replace("torch is imported", "")


def test_a_choice_whose_plugin_is_missing_names_its_extra(capsys, monkeypatch):
    monkeypatch.setenv(errors.REPORT, "1")
    missing = MissingConfigException("no such file", missing_cfg_file="hydra/sweeper/optuna", options=["basic"])
    assert errors.report(missing) == 1
    assert capsys.readouterr().err == "error: hydra/sweeper=optuna needs an extra: pip install 'nst[optuna]'\n"
