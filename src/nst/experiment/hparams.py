"""A run's row in TensorBoard's HParams, with what its sweep varies first: TensorBoard ticks the first five."""

from collections.abc import Collection
from math import nan
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard.summary import hparams


def log(
    logger: TensorBoardLogger, choices: dict[str, Any], metrics: Collection[str], *, swept: Collection[str]
) -> None:
    """Write the row at the begin of a run; its metrics are not-a-number until it ends, so that one that dies is seen.

    Args:
        logger: The run's.
        choices: The same keys for every run.
        metrics: Names of the final metrics, likewise.
        swept: The keys that vary: TensorBoard puts those that "differ" first, else it goes by the alphabet.
    """
    experiment, start, end = hparams(choices, dict.fromkeys(metrics, nan))  # type: ignore[no-untyped-call]
    data = experiment.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(data.content)
    for info in content.experiment.hparam_infos:
        info.differs = info.name in swept
    data.content = content.SerializeToString()
    writer = logger.experiment._get_file_writer()
    for summary in (experiment, start, end):
        writer.add_summary(summary)
    logger.log_metrics(dict.fromkeys(metrics, nan), step=0)
