"""Measure the page of `nst serve`: seconds to the first picture, live pictures a second, and its cost beside train.py.

python scripts/page_speed.py                      # 512 px, the default backbone
python scripts/page_speed.py --rounds 5 --backbone squeezenet

A visitor without a browser asks for a picture, fetches each live one as a browser would, and `train.py` then paints the
same picture by the command that the page shows; the two take turns. Seconds of a run are those of `metrics.json`.
"""

import argparse
import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass
class Seen:
    """What a visitor saw of one picture.

    Attributes:
        first: Seconds from the click to the first picture.
        rate: Live pictures a second while it is optimised.
        seconds: The run's own, of its `metrics.json`.
        command: That makes it, as the page shows it.
    """

    first: float
    rate: float
    seconds: float
    command: str


def visit(address: str, folder: Path, wanted: dict[str, Any]) -> Seen:
    """Ask for a picture and watch it to its end."""
    session = requests.Session()
    session.trust_env = False
    session.headers["X-Nst"] = "page"
    session.get(address).raise_for_status()
    with session.get(f"{address}/api/events", stream=True) as events:
        clicked = time.perf_counter()
        run = session.post(f"{address}/api/runs", json=wanted).json()["id"]
        number, times = 0, []
        for line in events.iter_lines(chunk_size=1):
            if not line.startswith(b"data:"):
                continue
            job = next((one for one in json.loads(line[5:]) if one["id"] == run), None)
            if job is None:
                if times:
                    break
            elif job["picture"] > number:
                number = job["picture"]
                session.get(f"{address}/api/runs/{run}/live").raise_for_status()
                times.append(time.perf_counter() - clicked)
    known = session.get(f"{address}/api/runs/{run}").json()
    metrics = next(folder.rglob(f"{run}/metrics.json"))
    live = times[1:]
    rate = (len(live) - 1) / (live[-1] - live[0])
    return Seen(times[0], rate, float(json.loads(metrics.read_text())["seconds"]), known["command"])


def by_train(command: str, folder: Path) -> float:
    """Paint the same picture with `train.py` and return the seconds of the run."""
    words = shlex.split(command)[1:]
    subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *words, "hydra.run.dir=run"], cwd=folder, check=True, **QUIET
    )
    return float(json.loads((folder / "run/metrics.json").read_text())["seconds"])


def main() -> None:
    """Measure in turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=512, help="longest edge, pixels")
    parser.add_argument("--steps", type=int, default=96)
    parser.add_argument("--backbone", default="small_vgg19")
    chosen = parser.parse_args()
    wanted = {"sample": "coffee", "styles": [{"name": "mosaic"}], "size": chosen.size, "steps": chosen.steps}
    with tempfile.TemporaryDirectory() as scratch, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        folder, address = Path(scratch), f"http://127.0.0.1:{port}"
        words = [sys.executable, "-m", "nst", "serve", "--port", f"{port}", "--folder", f"{folder / 'page'}"]
        server = subprocess.Popen(words, cwd=folder, env=os.environ, **QUIET)
        try:
            while True:
                time.sleep(0.5)
                try:
                    requests.get(address, timeout=120)
                    break
                except requests.ConnectionError:
                    if server.poll() is not None:
                        sys.exit("the server ended before it answered")
            rows = []
            for turn in range(chosen.rounds):
                seen = visit(address, folder / "page", wanted | {"backbone": chosen.backbone})
                (folder / f"{turn}").mkdir()
                alone = by_train(seen.command, folder / f"{turn}")
                rows.append((seen, alone))
                print(f"first {seen.first:.2f} s, {seen.rate:.2f} live a second, "
                      f"{seen.seconds:.1f} s beside {alone:.1f} s of train.py", flush=True)  # fmt: skip
        finally:
            server.terminate()
            server.wait()
    first, rate = (
        statistics.median(values) for values in zip(*((one.first, one.rate) for one, _ in rows), strict=True)
    )
    ratio = statistics.median(one.seconds / alone for one, alone in rows)
    print(
        f"first picture {first:.2f} s, live pictures a second {rate:.2f}, seconds of a run beside train.py {ratio:.3f}"
    )


if __name__ == "__main__":
    main()
