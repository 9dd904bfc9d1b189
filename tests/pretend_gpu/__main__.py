"""Run a script or a module with a pretend GPU: `python tests/pretend_gpu train.py trainer=gpu`, `... -m pytest ...`.

Environment variables: `KIND=mps` for Apple's GPU, `FREE=8e9` for so many free bytes.
"""

import os
import runpy
import sys
from pathlib import Path

sys.path[0:1] = [str(Path(__file__).resolve().parents[n] / name) for n, name in ((1, ""), (2, "src"))]

if __name__ == "__main__":
    from pretend_gpu import device

    device.enter(free=float(os.environ.get("FREE", "70e9")))
    del sys.argv[0]
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
