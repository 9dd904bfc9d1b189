"""Folders, devices, states and sweeps that can't be: what is there, what is typed, a part of the line that comes."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import torch
from bad_files import GOOD, Evil, saved, zipped


def own_device(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "dangling.png").symlink_to(folder / "nothing.png")
    (folder / "folder.png").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(folder)  # a socket's path may have a hundred letters
    listener.bind("socket.png")
    os.chdir(here)
    listener.close()


def file_in_the_way(folder: Path) -> None:
    (folder / "file").write_text("here")


def finished(folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run/final.png").write_bytes(GOOD)
    (folder / "run/status.json").write_text('{"state": "finished"}')


def nothing(folder: Path) -> None:
    pass


Place = tuple[Callable[[Path], None], tuple[str, ...], str]


def lying(name: str) -> Callable[[Path], None]:
    """A file that no run has left."""

    def make(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("somebody's")

    return make


figures, animation, pages = lying("run/metrics.csv"), lying("timelapse.webp"), lying("run/gallery.html")

PLACES: dict[str, Place] = {
    "a pipe": (own_device, ("content.path=pipe.png",), "no picture pipe.png"),
    "a socket": (own_device, ("style.path=socket.png",), "no picture socket.png"),
    "a link to itself": (own_device, ("content.path=loop.png",), "loop.png"),
    "a link to nothing": (own_device, ("content.path=dangling.png",), "no picture dangling.png"),
    "a folder": (own_device, ("style.path=folder.png",), "is a folder"),
    "a pipe as a mask": (own_device, ("content.mask=pipe.png",), "pipe.png"),
    "a pipe as a checkpoint": (own_device, ("backbone=vgg19", "backbone.checkpoint=pipe.png"), "checkpoint not found"),
    "a pipe as a picture to reproduce": (own_device, ("reproduce=pipe.png",), "picture not found"),
    "an endless device": (nothing, ("content.path=/dev/zero",), "no picture zero"),
    "a name that is too long": (nothing, (f"content.path={'a' * 300}.png",), "too long|no picture"),
    "a name with a nul": (nothing, ("content.path=a\0b.png",), "null|nul"),
    "a run folder below a file": (file_in_the_way, ("hydra.run.dir=file/run",), "file/run|file"),
    "a run folder that is a file": (file_in_the_way, ("hydra.run.dir=file",), "file"),
    "a run folder in a device": (nothing, ("hydra.run.dir=/dev/null/run",), "/dev/null"),
    "a folder that holds a run": (finished, ("hydra.run.dir=run",), "holds a run already (finished, final.png)"),
    "a picture in a run's own folder": (finished, ("reproduce=run/final.png",), "holds a run already"),
    "somebody's figures": (figures, ("hydra.run.dir=run",), "run holds metrics.csv, which a run would replace"),
    "somebody's animation": (animation, ("hydra.run.dir=.",), "holds timelapse.webp, which a run would replace"),
    "somebody's pages": (
        pages,
        ("-m", "seed=0,1", "hydra.sweep.dir=run"),
        "run holds gallery.html, which a sweep would",
    ),
    "resume of nothing": (nothing, ("resume=nowhere",), "resume=nowhere is no run"),
    "resume of a file": (file_in_the_way, ("resume=file",), "resume=file is no run"),
    "resume of another folder": (nothing, ("resume=.",), "resume=. is no run"),
}


def cut(*, status: object = None, config: str | bytes | None = "", ckpt: bytes | None = None) -> Callable[[Path], None]:
    """A run that was killed, as it may be found."""

    def make(run: Path) -> None:
        run.mkdir()
        fields = {"state": "killed", "overrides": ["size=64"], "choices": {}} if status is None else status
        (run / "status.json").write_text(fields if isinstance(fields, str) else json.dumps(fields))
        if config is not None:
            text = config if config else "job: {_target_: nst.experiment.image_job.paint, _partial_: true}\nsize: 64\n"
            (run / "config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        if ckpt is not None:
            (run / "last.ckpt").write_bytes(ckpt)

    return make


def whole(**changed: object) -> Callable[[Path], None]:
    """A run that was killed with all its choices, and a state."""

    def make(run: Path) -> None:
        from nst.utils.files import write

        cut(config=CHOICES)(run)
        facts: dict[str, object] = {"config": "x", "sources": {}, "versions": {}, "threads": 1, "device": "cpu"}
        facts |= {"level": 1, "over": False, "seconds": 1.0, "saved": 1.0, "step": 1, "levels": []}
        data = changed.pop("data", None)
        content = {"nst": facts | changed, "state_dict": {"pixels": torch.zeros(1, 3, 8, 8)}}
        write(run / "last.ckpt", data if isinstance(data, bytes) else saved(content))

    return make


def _choices() -> str:
    """The configuration of a small run, composed."""
    from conftest import ROOT
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        words = ["size=64", "steps=1", "pyramid=none", "threads=1", "logger=none", "judge=none", "timelapse=none"]
        cfg = compose("train", [*words, "trainer.accelerator=cpu", "name=x"])
    return OmegaConf.to_yaml(cfg, resolve=True)


CHOICES = _choices()
GOOD_STATE = saved({"nst": {"level": 1}})
RESUMES: dict[str, Place] = {
    "other choices": (cut(), ("size=32",), "takes no size="),
    "another style": (cut(), ("style=mosaic",), "takes no style="),
    "no choices": (cut(config=None), (), "can't be read"),
    "empty choices": (cut(config=" "), (), "holds no choices of a run"),
    "a list of choices": (cut(config="[1, 2]"), (), "holds no choices of a run"),
    "no YAML": (cut(config="a: [b"), (), "can't be read"),
    "bytes": (cut(config=bytes(range(256))), (), "can't be read"),
    "a YAML object": (cut(config="a: !!python/object/apply:os.system ['touch owned']\njob: 1"), (), "can't be read"),
    "a YAML bomb": (cut(config="a: &a [x,x]\nb: &b [*a,*a]\njob: [*b,*b]\n"), (), "no choices of a run"),
    "deep YAML": (cut(config="[" * 3000), (), "can't be read"),
    "a foreign target": (
        cut(config="method: {_target_: os.system, command: touch owned}"),
        (),
        "wants to build 'os.system'",
    ),
    "a hidden target": (cut(config="job: 1\na: [{_target_: builtins.eval}]"), (), "wants to build 'builtins.eval'"),
    "an interpolation": (cut(config="job: 1\nname: ${oc.env:HOME}"), (), "plain values only"),
    "choices that lack most": (cut(), (), "lacks backbone"),
    "a status of rubbish": (cut(status="rubbish"), (), "holds no choices of a run"),
    "a status that is a list": (cut(status=[1]), (), "holds no choices of a run"),
    "overrides of numbers": (cut(status={"state": "killed", "overrides": [1, None]}), (), "holds no choices of a run"),
    "overrides of rubbish": (cut(status={"state": "killed", "overrides": "a=="}), (), "holds no choices of a run"),
    "an empty state": (whole(data=b""), (), "last.ckpt is damaged"),
    "a state of text": (whole(data=b"hello"), (), "last.ckpt is damaged"),
    "a state of zeros": (whole(data=bytes(5000)), (), "last.ckpt is damaged"),
    "a picture for a state": (whole(data=GOOD), (), "last.ckpt is damaged"),
    "half a state": (whole(data=GOOD_STATE[:500]), (), "last.ckpt is damaged"),
    "an archive for a state": (whole(data=zipped(a=b"1")), (), "last.ckpt is damaged"),
    "a state that runs code": (whole(data=saved({"nst": Evil()})), (), "last.ckpt is damaged"),
    "a state of a number": (whole(data=saved(3)), (), "it holds no state of a run"),
    "a state without facts": (whole(data=saved({"state_dict": {}})), (), "it holds no state of a run"),
    "facts of a wrong kind": (whole(level="1"), (), "it holds no state of a run"),
    "facts that lack one": (whole(data=GOOD_STATE), (), "it holds no state of a run"),
    "a finished level without a picture": (whole(over=True), (), "it holds no picture"),
    "a state of other choices": (whole(), (), "belongs to other choices"),
}


def sweep(text: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "sweep").mkdir()
        (folder / "sweep/sweep.json").write_text(text)

    return make


SWEEPS: dict[str, Place] = {
    "no such folder": (nothing, ("resume=nowhere",), "resume=nowhere is no sweep"),
    "a run's folder": (finished, ("resume=run",), "resume=run is no sweep"),
    "another sweep": (sweep('{"overrides": ["size=32"]}'), ("resume=sweep",), "holds another sweep"),
    "a sweep of rubbish": (sweep('{"overrides": 3}'), ("resume=sweep",), "holds another sweep"),
    "a launcher that is none": (nothing, ("hydra/launcher=rocket", "hydra.sweep.dir=s"), "rocket"),
    "a style that is none": (nothing, ("style=stary_night,mosaic", "hydra.sweep.dir=s"), "stary_night"),
    "an option that is none": (nothing, ("optimizer.lrr=1,2", "hydra.sweep.dir=s"), "lrr"),
    "a sweep below a file": (file_in_the_way, ("seed=1,2", "hydra.sweep.dir=file/s"), "file"),
}
