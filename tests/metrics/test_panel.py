"""The panel's figures against other forms of them, and what they say of planted faults."""

import re

import numpy as np
import pytest
import torch
import torchvision
from conftest import ROOT, SHARED
from faults import FAULTS, NAMES, verdicts
from hydra import compose, initialize_config_dir
from torchmetrics.functional.image import lpips as torchmetrics_lpips

from nst.config import instantiate
from nst.config.search_path import OWN
from nst.data import image_io
from nst.metrics import panel
from nst.metrics.panel import Panel, described


@pytest.fixture(scope="module")
def network():
    with initialize_config_dir(str(OWN), version_base="1.3"):
        config = compose("train", ["judge=squeezenet_embedded"])
    return instantiate.panel_network(config, "small")


def moments(features):
    f = features[0].flatten(1).double().numpy()  # (C, n)
    gram = f @ f.T / f.shape[1]
    mean = f.mean(1)
    return gram, mean, gram - np.outer(mean, mean)


def relative(x, y):
    return ((x - y) ** 2).sum() / (y**2).sum()


def by_numpy(maps, styles, contents, names):
    """`gram`, `moments` and `content` of features, layer by layer."""
    gram, both = [], []
    for name in names:
        (g, mu, s), (a, nu, t) = moments(maps[name]), moments(styles[name])
        gram.append(relative(g, a))
        both.append(relative(s, t) + relative(mu, nu))
    f, p = (m["6"][0].double().numpy() for m in (maps, contents))
    content = ((f - p) ** 2).sum() / ((p - p.mean((1, 2), keepdims=True)) ** 2).sum()
    return np.mean(gram), np.mean(both), content


def test_distances_of_style_and_content_are_the_formulas(network, noise):
    picture, content, style = noise(48, 64, seed=1), noise(48, 64, seed=2) * 0.5, noise(64, 56, seed=3) ** 2
    found = network.figures(picture, content, style)
    maps, contents, styles = (network.objective.backbone(image) for image in (picture, content, style))
    names = list(network.objective.terms["gram"].layers)
    own = by_numpy(maps, styles, contents, names)
    photograph = by_numpy(contents, styles, contents, names)
    assert found["gram"] == pytest.approx(own[0] / photograph[0], rel=1e-3)
    assert found["moments"] == pytest.approx(own[1] / photograph[1], rel=1e-3)
    assert found["content"] == pytest.approx(3 * own[2], rel=1e-4)  # the layer's weight


def test_photograph_and_painting_are_the_ends_of_every_distance(network, noise):
    content, style = noise(48, 48, seed=2) * 0.5, noise(48, 48, seed=3) ** 2
    one = Panel([network], size=48, lpips=None)
    photograph, painting = (one.figures(image, content, style) for image in (content, style))
    for name in ("gram", "moments", "sliced"):
        assert photograph[f"small.{name}"] == pytest.approx(1, abs=1e-5)
        assert painting[f"small.{name}"] == pytest.approx(0, abs=1e-5)
    for name in ("small.content", "small.cfsd", "leak", "grid", "grain", "rim", "repetition"):
        assert photograph[name] == pytest.approx(0, abs=1e-3)
    for name in ("color", "grid", "grain", "rim", "repetition"):
        assert painting[name] == pytest.approx(0, abs=1e-4)
    assert photograph["ssim"] == pytest.approx(1, abs=1e-5)


def test_pictures_are_measured_at_one_size(network, noise):
    picture, content, style = noise(64, 48, seed=1), noise(96, 72, seed=2), noise(40, 80, seed=3)
    one = Panel([network], size=64, lpips=None)
    large = torch.nn.functional.interpolate(picture, scale_factor=3, mode="bicubic").clamp(0, 1)
    small = image_io.resize(large, (64, 48))
    assert one.figures(large, content, style) == one.figures(small, content, style)
    with pytest.raises(ValueError, match="at 40 pixels a picture is less than 32 high or wide; give a larger size"):
        Panel([network], size=40, lpips=None).figures(picture, content, style)


def test_every_figure_is_described(network, noise):
    found = Panel([network], size=48, lpips=None).figures(noise(48, 48), noise(48, 48, seed=1), noise(48, 48, seed=2))
    assert {name.rpartition(".")[2] for name in found} == set(NAMES) - {"lpips"}
    assert {described(name).of for name in found} == {"style", "content", "both"}
    assert [name for name in found if described(name).sign < 0] == ["ssim"]


@pytest.mark.slow
def test_lpips_is_the_papers_formula(noise, monkeypatch, tmp_path):
    """In torchvision's SqueezeNet with random weights: unit features, squared differences, linear weights, means."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    torch.manual_seed(0)
    model = torchvision.models.squeezenet1_1(weights=None).eval()
    torch.save(model.state_dict(), tmp_path / "hub/checkpoints/squeezenet1_1-b8a52dc0.pth")
    x, y = noise(64, 64, seed=1), noise(64, 64, seed=2)
    folder = torchmetrics_lpips.__file__.replace("lpips.py", "lpips_models/squeeze.pth")
    linear = torch.load(folder, map_location="cpu", weights_only=True)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    total = 0.0
    with torch.no_grad():
        a, b = ((2 * image - 1 - shift.view(1, 3, 1, 1)) / scale.view(1, 3, 1, 1) for image in (x, y))
        ends = (1, 4, 7, 9, 10, 11, 12)
        for place, layer in enumerate(model.features):
            a, b = layer(a), layer(b)
            if place in ends:
                unit = [f / (f.square().sum(1, keepdim=True) + 1e-8).sqrt() for f in (a, b)]
                weights = linear[f"lin{ends.index(place)}.model.1.weight"]
                total += float(((unit[0] - unit[1]).square() * weights).sum(1).mean())
    distance = panel.learned_perceptual_image_patch_similarity(x, y, net_type="squeeze", normalize=True)
    assert float(distance) == pytest.approx(total, rel=1e-3)


@pytest.fixture(scope="module")
def table(network):
    with pytest.MonkeyPatch.context() as patch:
        known = SHARED / "torch_home"
        patch.setenv("TORCH_HOME", str(known))
        return verdicts(Panel([network], size=128, lpips="squeeze" if known.is_dir() else None))


def test_what_fools_a_figure_is_seen_by_another(table):
    for fault in FAULTS:
        assert "sees" in table[fault].values(), fault


def test_no_figure_is_enough_by_itself(table):
    for name in NAMES:
        if name in table["blur"]:
            assert any(of[name] != "sees" for of in table.values()), name


@pytest.mark.parametrize(
    ("fault", "names"),
    {
        "bars of two pixels": {"grid"},
        "frame": {"rim"},
        "copy of the photograph": {"gram", "moments", "sliced", "color"},
        "copy of the painting": {"content", "cfsd", "ssim", "leak"},
        "blur": {"grain"},
        "noise": {"grain"},
        "swapped palette": {"color"},
        "stamped motif": {"repetition"},
    }.items(),
)
def test_the_figure_made_for_a_fault_sees_it(table, fault, names):
    assert {name for name, verdict in table[fault].items() if verdict == "sees"} >= names


def test_the_page_has_the_table_of_planted_faults(table):
    page = (ROOT / "docs/evaluation.md").read_text()
    rows = re.search(r"^\| planted fault .*\n\|[-|]+\n((?:\|.*\n)+)", page, re.M)
    heads = re.findall(r"`(\w+)`", rows[0].splitlines()[0])
    told = {}
    for line in rows[1].splitlines():
        fault, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        told[fault] = dict(zip(heads, cells, strict=True))
    lacking = set() if "lpips" in table["blur"] else {"lpips"}
    assert {fault: {k: v for k, v in row.items() if k not in lacking} for fault, row in told.items()} == table
