"""Choices, folders and states that can't be: what is typed, and a part of the line that a user gets."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import torch
from bad_files import GOOD, Evil, saved, zipped

OPTIONS: dict[str, str] = {
    "size=abc": "size is 'abc'; expected a whole number",
    "size=1": "would be 1 pixels; give a larger size=",
    "size=0": "size",
    "size=-64": "size",
    "size=64.5": "expected a whole number",
    "size=null": "size is None",
    "size=true": "expected a whole number",
    "size=[64]": "size",
    "size=1e400": "size",
    "size=20": "is too small: the deepest layer in use",
    "steps=-3": "steps is -3; give 0 or more",
    "steps=1.5": "steps is 1.5; expected a whole number",
    "steps=nan": "steps",
    "seed=x": "seed is 'x'",
    "seed=-1": "seed",
    "seed=99999999999999999999": "seed",
    "style_scale=0": "style_scale is 0; give a number over 0",
    "style_scale=inf": "finite number",
    "threads=0": "threads is 0; give 1 up to",
    "threads=100000000": "threads",
    "threads=two": "threads is 'two'",
    "objective=beauty": "objective",
    "objective=[]": "objective",
    "max_megapixels=0.001": "over the limit of 0.001",
    "max_megapixels=-1": "over the limit|max_megapixels",
    "max_megapixels=no": "max_megapixels",
    "output=squash": "output is 'squash'; give clip or stretch",
    "optimizer.lr=abc": "optimizer.lr is 'abc'; expected a number",
    "optimizer.lr=-1": "Invalid learning rate: -1",
    "optimizer.lrr=1": "there is no option optimizer.lrr; nearest: lr",
    "optimizer.max_iter=0.5": "optimizer.max_iter",
    "optimizer.line_search_fn=golden": "strong_wolfe",
    "optimizer.history_size=many": "optimizer.history_size",
    "optimizer=adm": "there is no optimizer=adm; nearest: adam",
    "optimizer=adam optimizer.betas=[2,2]": "Invalid beta",
    "optimizer=adam optimizer.betas=[0.9]": "optimizer.betas",
    "optimizer=adam optimizer.betas=0.9": "optimizer.betas",
    "optimizer=adam optimizer.eps=-1": "Invalid epsilon",
    "optimizer=sgd optimizer.momentum=-1": "Invalid momentum",
    "optimizer=sgd optimizer.lr=1e30 callbacks=none steps=5": "the loss is",
    "optimizr=adam": "optimizr",
    "scheduler=cosin": "there is no scheduler=cosin; nearest: cosine",
    "scheduler=cosine scheduler.final=2": "scheduler.final is 2",
    "scheduler=exponential scheduler.final=0": "scheduler.final is 0",
    "scheduler=step scheduler.milestones=3": "scheduler.milestones",
    "scheduler=plateau scheduler.factor=2": "actor",
    "style=stary_night": "there is no style=stary_night; nearest: starry_night",
    "style=[]": "style",
    "style=[mosaic,mosaic]": "names mosaic twice",
    "style=[mosaic,hatching] style.weight=2": "could stand for any of",
    "style.weight=-1": "weight",
    "style.weight=0": "weight",
    "style.weight=heavy": "weight",
    "style.scale=0": "scale",
    "style.scale=-2": "scale",
    "style.path=[]": "style.path is an empty list",
    "style.path=[a.png,a.png]": "names a.png twice",
    "style.path=a:b": "no picture a:b",
    "content=chelsee": "there is no content=chelsee; nearest: chelsea",
    "content.path=nothing.jpg": "no picture nothing.jpg",
    "content.path=.": "is a folder",
    "content.path=/dev/null": "no picture null",
    "content.mask=nothing.png": "nothing.png",
    "style.mask=nothing.png": "nothing.png",
    "weights.style=-1": "give weights of 0 or more",
    "weights.styl=1": "there is no option weights.styl; nearest: style",
    "weights.style=inf": "finite number",
    "weights.style=[1]": "weights.style",
    "+weights.stile=1": "weights.stile belongs to no loss",
    "weights=graam": "there is no weights=graam",
    "weights.content=0 weights.style=0": "nothing to optimise",
    "+layers.style.s9=1": "no wavelet layer 's9'; nearest: s",
    "layers.style=null": "layers.style is empty",
    "layers.style=3": "layers.style",
    "layers.style.s1=-1": "layers|weight|0 or more",
    "+layers.stile.s1=1": "layers.stile belongs to no loss",
    "layers=none": "there is no layers=none",
    "loss=gramm": "there is no loss=gramm; nearest: gram",
    "loss.content.reduction=max": "give one of relative",
    "loss.style.normalize=maybe": "normalize",
    "loss.style.layers=3": "layers",
    "init=file": "init.path",
    "init=file init.path=nothing.png": "nothing.png",
    "init=noise init.distribution=cauchy": "give uniform, normal or gray",
    "init=noise init.spread=wide": "init.spread",
    "init=blend init.amount=2": "amount is 2; give a share",
    "init=nois": "there is no init=nois; nearest: noise",
    "pyramid=explicit pyramid.sizes=[]": "pyramid",
    "pyramid=explicit pyramid.sizes=[64,abc]": "pyramid.sizes",
    "pyramid=explicit pyramid.sizes=[64] pyramid.steps=[1,2]": "steps",
    "pyramid=explicit pyramid.sizes=[-64]": "64",
    "pyramid=coarse_to_fine pyramid.ratio=1": "pyramid.ratio is 1; give a number over 1",
    "pyramid=coarse_to_fine pyramid.levels=0": "pyramid.levels is 0; give 1 or more",
    "pyramid=coarse_to_fine pyramid.growth=-1": "growth",
    "pyramid=tower": "there is no pyramid=tower",
    "callbacks.average.decay=1": "decay is 1; give a number from 0 up to 1",
    "callbacks.average.first=last": "first",
    "callbacks.clamp.low=2": "give low < high",
    "callbacks.snapshots.every=-1": "snapshots.every is -1",
    "callbacks.snapshots=true": "callbacks.snapshots",
    "+callbacks.mine._target_=nowhere.Callback": "there is no such class or function",
    "+callbacks.mine._target_=nst.images.load": "callbacks.mine|missing",
    "+callbacks.mine._target_=3": "_target_",
    "checkpoint.every=0": "checkpoint.every is 0",
    "checkpoint.every=often": "checkpoint.every is 'often'",
    "checkpoint.share=0": "share 0",
    "checkpoint.seconds=-1": "seconds -1",
    "timelapse=webp timelapse.frames=1": "timelapse has frames 1",
    "timelapse=webp timelapse.formats=[avi]": "timelapse.formats",
    "timelapse=film": "there is no timelapse=film",
    "color=keep_luminanse": "there is no color=keep_luminanse; nearest: keep_luminance",
    "method.fit=diagonal": "diagonal",
    "method.space=lab": "method.space is 'lab'; give one of image, input",
    "method.moments=warm": "method.moments",
    "method.moments=resized pyramid=explicit pyramid.sizes=[56,64]": "can't resize what this optimiser remembers",
    "method.coarser.content=0": "method.coarser.content is 0",
    "+method.coarser.stile=2": "method.coarser.stile belongs to no loss",
    "method.style_size=1": "method.style_size is 1",
    "method=painting": "there is no method=painting",
    "method._target_=nst.methods.Nothing": "there is no such class",
    "job._target_=nst.paint.pant": "there is no such class",
    "backbone=vgg20": "there is no backbone=vgg20; nearest: vgg",
    "backbone=vgg19": "no checkpoint of vgg19 can be had",
    "backbone=vgg19 backbone.checkpoint=nowhere.pth": "checkpoint not found: nowhere.pth",
    "backbone=vgg19 backbone.checkpoint=embedded": "vgg19 has no embedded checkpoint",
    "backbone=vgg19 backbone.checkpoint=random backbone.model=vgg": "vgg",
    "backbone=vgg19 backbone.checkpoint=random backbone.pooling=median": "pooling",
    "backbone=squeezenet backbone.checkpoint=random layers=vgg19": "no layer 'relu4_2'",
    "backbone=squeezenet backbone.checkpoint=.": "checkpoint not found|folder",
    "trainer=tpu": "there is no trainer=tpu",
    "trainer.accelerator=abacus": "abacus",
    "trainer.accelerator=gpu": "GPU|gpu|CUDA|cuda",
    "trainer.precision=7": "recision",
    "trainer.devices=0": "device",
    "trainer.devices=some": "device",
    "trainer.log_every_n_steps=x": "log_every_n_steps",
    "trainer.max_tokens=3": "there is no option trainer.max_tokens",
    "logger=wandb": "there is no logger=wandb",
    "judge=critic": "there is no judge=critic",
    "download.timeout=-1": "download.timeout",
    "download.hosts=commons.wikimedia.org": "download.hosts",
    "download.retries=1.5": "download.retries",
    "experiment=gatys2015": "there is no experiment=gatys2015; nearest: gatys2016",
    "search=everything": "there is no search=everything",
    "recipe=": "recipe",
    "recipe=.": "picture not found",
    "recipe=nowhere.png": "picture not found",
    "name=[a]": "name",
    "name=${nothing}": "nothing",
    "name=${oc.env:NST_NO_SUCH}": "NST_NO_SUCH",
    "size=${steps": "can't read|size",
    "+new=1": "new",
    "~size": "size",
    "=3": "read|=3",
    "size": "size",
    "--sise=3": "sise|unrecognized|usage",
}


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
PLACES: dict[str, Place] = {
    "a pipe": (own_device, ("content.path=pipe.png",), "no picture pipe.png"),
    "a socket": (own_device, ("style.path=socket.png",), "no picture socket.png"),
    "a link to itself": (own_device, ("content.path=loop.png",), "loop.png"),
    "a link to nothing": (own_device, ("content.path=dangling.png",), "no picture dangling.png"),
    "a folder": (own_device, ("style.path=folder.png",), "is a folder"),
    "a pipe as a mask": (own_device, ("content.mask=pipe.png",), "pipe.png"),
    "a pipe as a checkpoint": (own_device, ("backbone=vgg19", "backbone.checkpoint=pipe.png"), "checkpoint not found"),
    "a pipe as a recipe": (own_device, ("recipe=pipe.png",), "picture not found"),
    "an endless device": (nothing, ("content.path=/dev/zero",), "no picture zero"),
    "a name that is too long": (nothing, (f"content.path={'a' * 300}.png",), "too long|no picture"),
    "a name with a nul": (nothing, ("content.path=a\0b.png",), "null|nul"),
    "a run folder below a file": (file_in_the_way, ("hydra.run.dir=file/run",), "file/run|file"),
    "a run folder that is a file": (file_in_the_way, ("hydra.run.dir=file",), "file"),
    "a run folder in a device": (nothing, ("hydra.run.dir=/dev/null/run",), "/dev/null"),
    "a folder that holds a run": (finished, ("hydra.run.dir=run",), "holds a run already (finished, final.png)"),
    "a recipe in a run's own folder": (finished, ("recipe=run/final.png",), "holds a run already"),
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
            text = config if config else "job: {_target_: nst.paint.paint, _partial_: true}\nsize: 64\n"
            (run / "config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        if ckpt is not None:
            (run / "last.ckpt").write_bytes(ckpt)

    return make


def whole(**changed: object) -> Callable[[Path], None]:
    """A run that was killed with all its choices, and a state."""

    def make(run: Path) -> None:
        from nst.files import write

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
    "a YAML bomb": (cut(config="a: &a [x,x]\nb: &b [*a,*a]\njob: [*b,*b]\n"), (), "lacks|no choices|job"),
    "deep YAML": (cut(config="[" * 3000), (), "can't be read"),
    "a foreign target": (
        cut(config="job: {_target_: os.system, command: touch owned}"),
        (),
        "wants to build 'os.system'",
    ),
    "a hidden target": (cut(config="job: 1\na: [{_target_: builtins.eval}]"), (), "wants to build 'builtins.eval'"),
    "an interpolation": (cut(config="job: 1\nname: ${oc.env:HOME}"), (), "plain values alone"),
    "choices that lack most": (cut(), (), "lacks"),
    "a status of rubbish": (cut(status="rubbish"), (), "lacks|can't"),
    "a status that is a list": (cut(status=[1]), (), "lacks|can't"),
    "overrides of numbers": (cut(status={"state": "killed", "overrides": [1, None]}), (), "lacks|can't read|damaged"),
    "overrides of rubbish": (cut(status={"state": "killed", "overrides": "a=="}), (), "lacks|can't read|damaged"),
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
