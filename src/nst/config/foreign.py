"""Words that people bring from other projects on Hydra and Lightning, and what they are called here."""

import re
from collections.abc import Iterable
from pathlib import Path

TRAINER = {
    "max_steps": "steps= (of the last level)",
    "max_epochs": "steps= (a picture has no epochs)",
    "min_steps": "steps=",
    "min_epochs": "steps=",
    "max_time": "steps=; a run can be stopped by Ctrl-C and continued by resume=",
    "callbacks": "callbacks= (a group), or +callbacks.<name>._target_=",
    "logger": "logger=tensorboard, csv, wandb, mlflow, comet or none",
    "default_root_dir": "hydra.run.dir=",
    "fast_dev_run": "size=64 steps=1",
    "limit_train_batches": "steps=",
    "gpus": "trainer=gpu, or trainer=ddp trainer.devices=2",
    "gradient_clip_val": "optimizer.lr= (nothing is clipped here)",
    "resume_from_checkpoint": "resume=FOLDER",
}
"""Arguments of Lightning's Trainer that nst sets itself."""
TOP = {
    "debug": "size=64 steps=1 for a quick try; HYDRA_FULL_ERROR=1 for tracebacks",
    "ckpt_path": "resume=FOLDER, or base=FOLDER for a network",
    "resume_from_checkpoint": "resume=FOLDER",
    "hparams_search": "search=weights, layers or pareto",
    "tags": "name= (the last part of the run's folder)",
    "task_name": "name= (the last part of the run's folder)",
    "epochs": "steps=",
    "max_epochs": "steps=",
    "max_steps": "steps=",
    "iterations": "steps=",
    "num_steps": "steps=",
    "num_iterations": "steps=",
    "lr": "optimizer.lr=",
    "learning_rate": "optimizer.lr=",
    "content_weight": "weights.content=",
    "style_weight": "weights.style=",
    "tv_weight": "weights.tv=",
    "content_image": "content.path=",
    "style_image": "style.path=",
    "image_size": "size=",
    "imsize": "size=",
    "device": "trainer=cpu, gpu or mps",
    "gpus": "trainer=gpu, or trainer=ddp trainer.devices=2",
    "devices": "trainer=ddp trainer.devices=",
    "precision": "trainer.precision=",
    "output_dir": "hydra.run.dir=",
    "paths": "hydra.run.dir= for results, data.path= for photographs",
    "data_dir": "data=folder data.path=",
    "batch_size": "training.batch=",
    "model": "backbone=",
    "train": "method=feedforward, multistyle or adain trains a network",
    "test": "stylize.py paints with a trained network",
    "extras": "nothing like it",
    "hydra.sweeper.params": "the keys themselves, with -m: seed=0,1 (for Optuna a file like conf/search/weights.yaml)",
}
"""Top-level keys."""
PICTURE = re.compile(r"^(content|style)=(?P<file>[^\[{'\"].*\.\w{2,5})$")


def refuse(words: Iterable[str]) -> None:
    """Raise a ValueError for a word of another project, with the word that is meant here.

    Args:
        words: The command line.
    """
    for word in words:
        key, equals, _ = word.lstrip("+~").partition("=")
        trainer = key.removeprefix("trainer.") if key.startswith("trainer.") else ""
        ours = TRAINER.get(trainer) or TOP.get(key)
        if ours and (equals or word.startswith("~")):
            raise ValueError(f"there is no {key}= here; give {ours}")
        if match := PICTURE.match(word):
            hint = "" if Path(match["file"]).exists() else ", or a name of the list in docs/control.md"
            raise ValueError(f"{word} names a file; give {match[1]}.path={match['file']}{hint}")
