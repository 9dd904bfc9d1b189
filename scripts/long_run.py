"""Run 20,000 steps at a tiny size and plot memory and disk use over time: docs/images/long_run.png.

python scripts/long_run.py --steps 20000 --out docs/images/long_run.png
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).parent.parent
CHOICES = ("size=48", "pyramid=none", "optimizer=adam", "judge=none", "threads=1", "trainer.accelerator=cpu")


def measured(steps: int) -> list[tuple[float, float, float]]:
    """Return samples of (seconds, resident memory in MB, size of the run's folder in MB)."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "train.py"), *CHOICES, f"steps={steps}", "hydra.run.dir=run"]
        start = time.monotonic()
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                time.sleep(2)
                try:
                    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                except OSError:
                    break
                resident = next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS")), None)
                if resident is not None:
                    files = sum(file.stat().st_size for file in Path(folder, "run").rglob("*") if file.is_file()) / 1e6
                    out.append((time.monotonic() - start, resident, files))
        if process.returncode:
            raise SystemExit(f"the run ended with {process.returncode}")
    return out


def drawn(
    samples: list[tuple[float, float, float]],
    title: str,
    names: tuple[str, str] = ("resident memory, MB", "run folder, MB"),
) -> Image.Image:
    """Return a picture of both curves."""
    page = Image.new("RGB", (900, 520), "white")
    draw = ImageDraw.Draw(page)
    draw.text((20, 10), title, fill="black")
    for row, (column, name, colour) in enumerate(((1, names[0], "#b3261e"), (2, names[1], "#1d4ed8"))):
        top, bottom, most = 50 + 240 * row, 240 + 240 * row, max(sample[column] for sample in samples) * 1.1
        draw.rectangle((70, top, 880, bottom), outline="#888888")
        draw.text((75, top + 4), name, fill=colour)
        for share in (0, 0.5, 1):
            draw.text((10, bottom - share * (bottom - top) - 6), f"{share * most:.0f}", fill="black")
        end = samples[-1][0]
        points = [(70 + 810 * s[0] / end, bottom - (bottom - top) * s[column] / most) for s in samples]
        draw.line(points, fill=colour, width=2)
        draw.text((820, bottom + 2), f"{end:.0f} s", fill="black")
    return page


def main() -> None:
    """Measure, plot, and print a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images/long_run.png")
    options = parser.parse_args()
    samples = measured(options.steps)
    drawn(samples, f"{options.steps} steps: python train.py {' '.join(CHOICES)}").save(options.out, optimize=True)
    third = len(samples) // 3
    early, late = (max(s[1] for s in part) for part in (samples[third : 2 * third], samples[2 * third :]))
    memory = f"most memory in the middle third {early:.0f} MB, in the last {late:.0f} MB"
    print(f"{options.steps} steps in {samples[-1][0]:.0f} s: {memory}; folder {samples[-1][2]:.1f} MB")


if __name__ == "__main__":
    main()
