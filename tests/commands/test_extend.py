"""Options of somebody else: from a folder, and from an installed package with code of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, cache_in

import nst

FILES = {
    "posters/__init__.py": "",
    "posters/losses.py": '''
from nst.losses.base import Term, combine, layer_mask
from nst.losses.moments import moments


class Brightness(Term):
    """Squared distance of the channels' means, of the image and of the style."""

    of = "style"

    def __init__(self, *, layers: dict[str, float], weight: float, factor: float = 1.0) -> None:
        super().__init__(layers=layers, weight=weight)
        self.factor = factor

    def measure(self, features, reference, mask=None):
        return {k: moments(features[k], layer_mask(mask, k))[-1] for k in self.layers}

    def score(self, total, reference):
        means = [{k: m[:-1] / m[-1] for k, m in sums.items()} for sums in (total, reference)]
        gap = {k: self.factor * (means[0][k] - means[1][k]).square().sum() for k in self.layers}
        return combine(gap, self.layers, "mean")
''',
    "posters/backbones.py": "from nst.backbones import Wavelet\n\n\nclass Ripples(Wavelet):\n    pass\n",
    "posters/conf/loss/brightness.yaml": """# @package _global_
defaults: [/content_term@loss.content, _self_, /tv_term@loss.tv]
loss:
  style: {_target_: posters.losses.Brightness, factor: 2.0}
weights: {content: 0.3, style: 1.0, tv: 0.0}
""",
    "posters/conf/backbone/ripples.yaml": "defaults: [wavelet, _self_]\n_target_: posters.backbones.Ripples\n",
    "posters/conf/layers/ripples.yaml": "defaults: [wavelet]\n",
    "posters/conf/style/wall.yaml": """# @package style.wall
defaults: [/painting@_here_, _self_]
asset: hatching
""",
    "posters/conf/style/mosaic.yaml": "# @package style.mosaic\nasset: no_such_file\n",
    "posters/conf/experiment/posters.yaml": """# @package _global_
defaults: [override /loss: brightness, override /style: wall, override /backbone: ripples, _self_]
size: 48
steps: 2
""",
    "posters-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: posters\nVersion: 1.0\n",
    "posters-1.0.dist-info/entry_points.txt": "[nst.conf]\nposters = posters.conf\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder on Python's path in which a stranger's package is installed."""
    for name, text in FILES.items():
        file = tmp_path / "site" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "site"


@pytest.fixture
def run(site, tmp_path):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PYTHONPATH": f"{site}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
        environment["NST_CACHE"] = str(cache_in(tmp_path))
        command = [sys.executable, "-m", "nst", *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


QUICK = ("logger=none", "trainer.accelerator=cpu", "threads=1", "judge=none", "hydra.run.dir=run")


def test_the_help_names_what_a_package_brings(run):
    shown = run("--help").stdout.split()
    assert {"brightness", "ripples", "wall", "posters"} <= set(shown)


PLUGIN = """
from hydra.plugins.search_path_plugin import SearchPathPlugin


class Posters(SearchPathPlugin):
    def manipulate_search_path(self, search_path):
        search_path.append("posters", "pkg://posters.conf")
"""


def test_the_help_names_what_a_plugin_of_hydra_brings(run, site):
    (site / "posters-1.0.dist-info/entry_points.txt").unlink()
    (site / "hydra_plugins/posters_plugin").mkdir(parents=True)
    (site / "hydra_plugins/posters_plugin/__init__.py").write_text(PLUGIN)
    assert {"brightness", "ripples", "wall", "posters"} <= set(run("--help").stdout.split())


def test_an_entry_point_without_a_folder_is_one_line(run, site):
    (site / "posters-1.0.dist-info/entry_points.txt").write_text("[nst.conf]\nposters = posters.config\n")
    for words in (["--help"], ["size=48"]):
        done = run(*words)
        assert done.returncode == 1
        assert done.stderr.startswith("error: the entry point posters = 'posters.config' (nst.conf) names no folder")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_package_brings_a_loss_a_backbone_a_style_and_a_recipe(run, tmp_path):
    done = run("experiment=posters", *QUICK)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert metrics["sources"]["styles"][0]["name"] == "wall"
    assert set(metrics["terms"]) == {"content", "style"}
    record = (tmp_path / "run/config.yaml").read_text()
    assert "posters.losses.Brightness" in record and "posters.backbones.Ripples" in record
    assert (
        "error: loss.style.factor is 'abc'; expected a number"
        in run("loss=brightness", "loss.style.factor=abc", *QUICK[:-1], "hydra.run.dir=wrong").stderr
    )
    own = run("style=mosaic", "backbone=wavelet", "size=48", "steps=0", *QUICK[:-1], "hydra.run.dir=own")
    assert own.returncode == 0, own.stderr  # nst's own mosaic, not the package's
    refused = run("reproduce=run/final.png", "hydra.run.dir=again")
    assert refused.returncode == 1
    assert "wants to build 'posters." in refused.stderr and len(refused.stderr.splitlines()) == 1


def test_a_folder_brings_options(photo, tmp_path, monkeypatch):
    monkeypatch.setenv("NST_CACHE", str(cache_in(tmp_path)))
    (tmp_path / "my_conf/style").mkdir(parents=True)
    (tmp_path / "my_conf/style/wall.yaml").write_text(
        f"# @package style.wall\ndefaults: [/painting@_here_, _self_]\npath: {photo}\n"
    )
    options = {"backbone": "wavelet", "size": 48, "steps": 1, "logger": "none", "trainer": {"accelerator": "cpu"}}
    result = nst.paint(config_dir=tmp_path / "my_conf", style="wall", threads=1, folder=tmp_path / "run", **options)
    assert result.metrics["sources"]["styles"][0]["path"] == str(photo)


@pytest.mark.slow
def test_a_folder_brings_options_to_the_command(run, photo, tmp_path):
    (tmp_path / "my conf/style").mkdir(parents=True)
    (tmp_path / "my conf/style/wall.yaml").write_text(
        f"# @package style.wall\ndefaults: [/painting@_here_, _self_]\npath: {photo}\n"
    )
    done = run("--config-dir", "my conf", "style=wall", "backbone=wavelet", "size=48", "steps=1", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "no folder nowhere" in run("--config-dir", "nowhere", "--help").stderr
