import hashlib
import http.server
import io
import pickle
import threading
from pathlib import Path

import pytest
import torch

from nst.backbones import weights
from nst.data.download import Download

TINY = {"features.0.weight": torch.ones(2, 3)}


def offline(**options) -> Download:
    defaults = {"connect": 1, "timeout": 2, "deadline": 10, "retries": 0, "backoff": 0, "max_megabytes": 1}
    return Download(
        **{**defaults, "hosts": ["127.0.0.1"], "agent": "nst tests", "cache": None, "schemes": ["http"], **options}
    )


@pytest.mark.parametrize("prefix", ["features.", "", "module.features."])
def test_whole_or_features_only(tmp_path, prefix):
    torch.save({f"{prefix}0.weight": torch.ones(2, 3)}, tmp_path / "a.pth")
    assert list(weights.read(tmp_path / "a.pth")) == ["features.0.weight"]


def test_nothing_in_a_file_is_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "owned").touch, ())

    with (tmp_path / "evil.pth").open("wb") as file:
        pickle.dump({"features.0.weight": Evil()}, file)
    with pytest.raises(ValueError, match="can't be read as a checkpoint"):
        weights.read(tmp_path / "evil.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04rubbish"])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(ValueError, match="can't be read as a checkpoint"):
        weights.read(tmp_path / "a.pth")


def test_a_cut_off_checkpoint_is_refused(tmp_path):
    torch.save({"features.0.weight": torch.randn(200, 200)}, tmp_path / "a.pth")
    data = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="can't be read as a checkpoint"):
        weights.read(tmp_path / "a.pth")


@pytest.mark.parametrize("thing", [[1, 2], {"a": 3}, {}])
def test_what_is_no_state_dict_is_refused(tmp_path, thing):
    torch.save(thing, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="holds no state dict"):
        weights.read(tmp_path / "a.pth")


def test_a_missing_file_is_named_in_the_error():
    with pytest.raises(FileNotFoundError, match=r"checkpoint not found: nowhere.pth"):
        weights.load("vgg19", "nowhere.pth", offline())


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def test_the_hub_s_cache_is_taken(hub):
    hub.mkdir(parents=True)
    torch.save(TINY, hub / "vgg19-dcbb9e9d.pth")
    state, source = weights.load("vgg19", None, offline())
    assert torch.equal(state["features.0.weight"], TINY["features.0.weight"])
    assert source["origin"] == "cache"
    assert source["sha256"] == hashlib.sha256((hub / "vgg19-dcbb9e9d.pth").read_bytes()).hexdigest()


@pytest.fixture
def server(hub, monkeypatch):
    """A local server of one checkpoint; serve(name) makes `vgg19` point to a file of that name there."""
    buffer = io.BytesIO()
    torch.save(TINY, buffer)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(buffer.getvalue())))
            self.end_headers()
            self.wfile.write(buffer.getvalue())

        def log_message(self, *_):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()

    def serve(name: str | None = None) -> str:
        name = name or f"vgg19-{hashlib.sha256(buffer.getvalue()).hexdigest()[:8]}.pth"
        monkeypatch.setattr(weights, "_url", lambda model: f"http://127.0.0.1:{httpd.server_port}/{name}")
        return name

    yield serve
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_a_download_is_checked_and_kept(hub, server):
    name = server()
    state, source = weights.load("vgg19", None, offline())
    assert source["origin"] == "download"
    assert torch.equal(state["features.0.weight"], TINY["features.0.weight"])
    assert (hub / name).is_file()
    assert weights.load("vgg19", None, offline())[1]["origin"] == "cache"


def test_a_download_of_a_wrong_hash_is_refused_with_the_remedies(hub, server):
    server("vgg19-00000000.pth")
    with pytest.raises(
        OSError, match=r"SHA-256 begins with .* not 00000000.*backbone.checkpoint=FILE.*backbone=wavelet"
    ):
        weights.load("vgg19", None, offline())
    assert not list(hub.glob("*.pth"))


def test_without_a_network_the_remedies_are_named(hub):
    with pytest.raises(OSError, match=r"vgg19-dcbb9e9d.pth into .*checkpoints, or use backbone=wavelet"):
        weights.load("vgg19", None, offline(hosts=[]))


def test_torchvision_s_first_checkpoint_is_meant():
    assert weights._url("vgg19").endswith("/vgg19-dcbb9e9d.pth")
    assert weights._url("resnet50").endswith("/resnet50-0676ba61.pth")  # IMAGENET1K_V1, not the later V2
