"""Plain videos written frame by frame; PyAV is an extra."""

import sys
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest

from nst.data import video


def test_without_pyav_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=r"videos need PyAV: pip install 'nst\[video\]', or walk"):
        video.require(", or walk")


def frames(path):
    with video.require().open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def test_frames_come_back_in_order(tmp_path):
    pytest.importorskip("av")
    wanted = [np.full((16, 32, 3), 60 * i, dtype=np.uint8) for i in range(4)]
    file = BytesIO()
    video.write_mp4(file, wanted, rate=Fraction(10), crf=10)
    (tmp_path / "a.mp4").write_bytes(file.getvalue())
    assert [round(float(frame.mean()) / 60) for frame in frames(tmp_path / "a.mp4")] == [0, 1, 2, 3]


def test_a_video_without_a_frame_is_refused(tmp_path):
    pytest.importorskip("av")
    with pytest.raises(ValueError, match="no frame to write"):
        video.write_mp4(tmp_path / "a.mp4", [], rate=Fraction(10), crf=10)
