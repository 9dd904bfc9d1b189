"""`method=film` as a person runs it."""

import json

import numpy as np
import pytest
from conftest import QUICK

pytest.importorskip("av")
pytest.importorskip("cv2")
from made_films import moving, packets, shown, write

FILM = (*QUICK, "method=film", "judge=none", "film.steps=2", "film.distances=[1]")


@pytest.mark.slow
def test_a_film_is_painted_with_its_sound(train, tmp_path):
    times = [0, 1024, 1100, 4000]
    write(tmp_path / "a.mp4", moving("crosses", 4)[0], times=times, sound=True)
    ended = train(*FILM, "content.path=a.mp4", "hydra.run.dir=run")
    assert ended.returncode == 0, ended.stderr
    assert "film: run/film.mp4" in ended.stdout + ended.stderr
    after = shown(tmp_path / "run/film.mp4")
    assert [round(time * 10240) for time, _ in after] == times and after[0][1].shape == (42, 64, 3)
    assert packets(tmp_path / "run/film.mp4", "audio") == packets(tmp_path / "a.mp4", "audio")
    figures = json.loads((tmp_path / "run/metrics.json").read_text())
    assert figures["frames"] == 4 and figures["flicker"]["warping_error_1"] > 0
    assert figures["terms"]["earlier"] > 0 and not (tmp_path / "run/frames").exists()


@pytest.mark.slow
def test_a_film_killed_at_ten_moments_is_the_same(start, train, tmp_path):
    write(tmp_path / "a.mp4", moving("crosses", 12)[0])
    ask = (*FILM, "content.path=a.mp4", "film.passes=2")
    assert train(*ask, "hydra.run.dir=whole").returncode == 0
    rng = np.random.default_rng(0)

    def painted():
        return sorted(path.name for path in (tmp_path / "cut/frames").glob("0*.npy"))

    for n in range(10):
        before = painted()
        process = start("resume=cut") if n else start(*ask, "hydra.run.dir=cut")
        while process.exitcode is None and painted() == before:
            process.join(timeout=0.02)
        process.join(timeout=0.5 * rng.random())
        assert process.exitcode is None, (tmp_path / ".stderr").read_text()
        process.kill()
        process.join()
    assert train("resume=cut").returncode == 0
    assert (tmp_path / "cut/film.mp4").read_bytes() == (tmp_path / "whole/film.mp4").read_bytes()
