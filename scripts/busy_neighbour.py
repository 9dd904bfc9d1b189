"""Measure a run beside another program, with threads that spin while they wait and with threads that sleep.

python scripts/busy_neighbour.py                         # SqueezeNet at 256 px, all cores
python scripts/busy_neighbour.py --rounds 5 --steps 48

The neighbour computes on one core without a pause. The four cases take turns, so that what else the machine does
slows all alike. The table has the seconds of a run (`metrics.json`), the median over the rounds. `spin` is what OpenMP
does by itself (GOMP_SPINCOUNT=300000), `sleep` is what nst asks for (OMP_WAIT_POLICY=PASSIVE).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WAITS = {"spin": {"GOMP_SPINCOUNT": "300000"}, "sleep": {"OMP_WAIT_POLICY": "PASSIVE"}}
QUIET = (
    "logger=none",
    "judge=none",
    "timelapse=none",
    "checkpoint=none",
    "callbacks=none",
    "pyramid=none",
    "trainer=cpu",
)


def seconds(wait: str, arguments: list[str], *, busy: bool) -> float:
    """Return the seconds of a run.

    Args:
        wait: `spin` or `sleep`.
        arguments: Of `train.py`.
        busy: Whether another program computes beside it.
    """
    clean = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
    try:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(ROOT / "train.py"), *QUIET, *arguments, "hydra.run.dir=run"]
            subprocess.run(command, cwd=folder, env=clean | WAITS[wait], check=True, stdout=subprocess.DEVNULL)
            return float(json.loads((Path(folder) / "run/metrics.json").read_text())["seconds"])
    finally:
        if neighbour is not None:
            neighbour.kill()
            neighbour.wait()


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=24, help="optimiser steps of a run")
    parser.add_argument("--size", type=int, default=256, help="longest edge, pixels")
    parser.add_argument("--backbone", default="squeezenet")
    options = parser.parse_args()
    arguments = [f"backbone={options.backbone}", f"size={options.size}", f"steps={options.steps}"]
    found: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for busy in (False, True):
            for wait in WAITS:
                found[wait, busy].append(seconds(wait, arguments, busy=busy))
    print("| threads that wait | alone | beside a busy program |\n|---|---|---|")
    for wait in WAITS:
        print(f"| {wait} | {' | '.join(f'{statistics.median(found[wait, busy]):.1f} s' for busy in (False, True))} |")


if __name__ == "__main__":
    main()
