"""The command line round Hydra: file names need no quotes, and an error is one line. Imports nothing heavy."""

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from nst.config.arguments import arguments
from nst.utils.errors import REPORT, report
from nst.utils.terminal import steady


def launch(main: Callable[[], Any]) -> int:
    """Run a Hydra main with file names quoted; print an error as one line and return the exit code.

    A sweep is ended here, whatever ended its launcher: by its jobs' own words, its gallery, its exit code.
    """
    # conf/hydra/launcher has our values under the plugins' own names: Hydra 1.3 merges the two, and warns that it does
    warnings.filterwarnings("ignore", message=r"(?s).*validated against ConfigStore schema.*")
    os.environ.setdefault(
        "PYTHONWARNINGS", "ignore::UserWarning:multiprocessing.process"
    )  # the same in joblib's workers
    from nst.sweeps import launch as sweep

    code = 1
    with steady():
        try:
            code = _told(main)
        finally:
            code = sweep.end(returned=code == 0) or code
    return code


def _told(main: Callable[[], Any]) -> int:
    if "HYDRA_FULL_ERROR" in os.environ:  # a developer wants tracebacks
        sys.argv[1:] = arguments(sys.argv[1:])
        main()
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us instead of being printed by Hydra
    os.environ[REPORT] = "1"
    try:
        sys.argv[1:] = arguments(sys.argv[1:])
        main()
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception as error:
        return report(error)
    return 0
