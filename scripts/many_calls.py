"""Paint 200 pictures in one process and plot its memory: docs/images/many_calls.png.

python scripts/many_calls.py --calls 200 --out docs/images/many_calls.png
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

from long_run import drawn

import nst

ROOT = Path(__file__).parent.parent
CHOICES = {"backbone": "wavelet", "size": 64, "steps": 2, "threads": 1}


def measured(calls: int) -> list[tuple[float, float, float]]:
    """Return (seconds, resident memory in MB, threads and open files) after each call."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        for number in range(calls):
            nst.paint(**CHOICES, trainer={"accelerator": "cpu"}, folder=f"{folder}/{number}", progress=False)
            lines = Path("/proc/self/status").read_text().splitlines()
            resident = next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS"))
            held = threading.active_count() + sum(1 for _ in os.scandir("/proc/self/fd"))
            out.append((time.monotonic() - start, resident, held))
    return out


def main() -> None:
    """Measure, plot, and print a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images/many_calls.png")
    options = parser.parse_args()
    samples = measured(options.calls)
    names = ("resident memory, MB", "threads and open files")
    drawn(samples, f"{options.calls} calls of nst.paint: {CHOICES}", names).save(options.out, optimize=True)
    tenth = samples[min(9, len(samples) - 1)]
    print(f"{options.calls} calls in {samples[-1][0]:.0f} s: memory {tenth[1]:.0f} MB after ten, "
          f"{samples[-1][1]:.0f} MB at the end; threads and files {tenth[2]:.0f}, {samples[-1][2]:.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
