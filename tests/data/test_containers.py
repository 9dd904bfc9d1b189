"""Films in every container: read back with their times, colours and sound, or refused before a frame is painted."""

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("av")
from made_films import av, packets, plain, shown, write

from nst.data import film_writing
from nst.data.film import Film
from nst.data.film_writing import FilmWriter

NTSC = Fraction(30000, 1001)


def copied(source, target, change=lambda pixels: pixels):
    film = Film(source)
    writer = FilmWriter(film, target, {})
    for frame in film.frames():
        writer.add(frame, change(frame.pixels))
    writer.finish()
    return [second for second, _ in shown(target)]


def even(path, count=12):
    return write(path, plain(count), times=list(range(count)), time_base=1 / NTSC)


def with_sound(path, codec, pictures):
    """Put a tone beside the pictures of a film."""
    with av.open(str(pictures)) as film, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(film.streams.video[0])
        audio = out.add_stream(codec, rate=48000, layout="mono")
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
        tone = (np.sin(np.arange(19200) * 0.06) * 9000).astype(np.int16)[None]
        piece = av.AudioFrame.from_ndarray(tone, "s16", "mono")
        piece.sample_rate, piece.pts = 48000, 0
        resampler = av.AudioResampler(audio.format.name, "mono", 48000, audio.frame_size or 1024)
        for part in (*resampler.resample(piece), *resampler.resample(None), None):
            out.mux(audio.encode(part))
    return path


EVEN = ["b.avi", "b.ogv", "b.mpg", "b.mpeg", "b.vob", "b.wmv", "b.asf", "b.mts", "b.m2ts", "b.3g2", "b.f4v"]


@pytest.mark.parametrize("name", EVEN)
def test_an_even_film_keeps_its_rate_and_its_pictures(tmp_path, monkeypatch, name):
    monkeypatch.setattr(film_writing, "SEGMENT", 5)
    path = even(tmp_path / "a.mp4")
    seconds = copied(path, tmp_path / name)
    unit = 1e-3 if name in ("b.wmv", "b.asf") else 1e-4  # ASF counts milliseconds
    wanted = np.arange(12) / float(NTSC)
    assert np.allclose(np.subtract(seconds, seconds[0]), wanted, atol=unit)
    assert seconds[0] < (0.6 if name[2:] in ("mpg", "mpeg", "vob") else 1e-9)  # a program stream begins after 0.5 s
    for (_, before), (_, after) in zip(shown(path), shown(tmp_path / name), strict=True):
        assert abs(after.astype(int) - before).mean() < 3


def test_an_even_film_whose_rate_is_told_wrongly_keeps_its_own(tmp_path):
    path = even(tmp_path / "a.mkv")
    assert np.allclose([float(rate) for rate in Film(path).rates()], 10, atol=1)
    seconds = copied(path, tmp_path / "b.avi")
    assert np.allclose(seconds, np.arange(12) / float(NTSC), atol=1e-3)


@pytest.mark.parametrize("name", ["b.wmv", "b.asf", "b.mts", "b.m2ts", "b.3g2", "b.f4v"])
def test_varying_times_are_kept_where_the_container_can(tmp_path, name):
    times = [0, 37, 1000, 1001, 5000, 90001]
    path = write(tmp_path / "a.mp4", plain(6), times=[16 * time for time in times], time_base=Fraction(1, 16000))
    assert np.allclose(copied(path, tmp_path / name), np.array(times) / 1000, atol=6e-4)


@pytest.mark.parametrize("name", ["b.avi", "b.ogv", "b.mpg"])
def test_varying_times_are_refused_where_the_container_cannot(tmp_path, name):
    film = Film(write(tmp_path / "a.mp4", plain(4), times=[0, 370, 1000, 5000]))
    with pytest.raises(ValueError, match="one even frame rate, but the frames of .* give output=b.mkv, which keeps"):
        FilmWriter(film, tmp_path / name, {})
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("b.avi", "libmp3lame"), ("b.avi", "pcm_s16le"), ("b.mpg", "mp2"), ("b.vob", "ac3"), ("b.ogv", "libopus")),
        *(("b.wmv", "aac"), ("b.m2ts", "ac3"), ("b.3g2", "aac"), ("b.f4v", "aac")),
    ],
)
def test_sound_is_copied(tmp_path, name, codec):
    path = with_sound(tmp_path / "a.mkv", codec, even(tmp_path / "p.mp4"))
    start = copied(path, tmp_path / name)[0] - shown(path)[0][0]
    before, after = packets(path, "audio"), packets(tmp_path / name, "audio")
    assert len(before) > 10 and [data for _, data in before] == [data for _, data in after]
    moved = np.subtract([time for time, _ in after], [time for time, _ in before]) - start
    assert abs(moved).max() < 1 / NTSC  # AVI counts in frames: the sound is beside its picture to less than one


@pytest.mark.parametrize("name", ["b.mts", "b.m2ts", "b.ts"])
def test_sound_that_cannot_be_read_back_is_refused_before_a_frame_is_painted(tmp_path, name):
    path = with_sound(tmp_path / "a.mkv", "pcm_s16le", even(tmp_path / "p.mp4"))
    with pytest.raises(ValueError, match=r"can't hold this film's sound or subtitles \(pcm_s16le\); give output=b.mkv"):
        FilmWriter(Film(path), tmp_path / name, {})


@pytest.mark.parametrize("name", ["b.avi", "b.wmv", "b.ogv", "b.mpg"])
@pytest.mark.parametrize("height", [720, 64])
def test_colours_are_right_without_tags(tmp_path, name, height):
    colour = (40, 200, 60)
    frames = [np.full((720, 64, 3), colour, np.uint8)] * 2
    path = write(tmp_path / "a.mp4", frames, times=[0, 1], time_base=Fraction(1, 25), space=1, extent=2)
    copied(path, tmp_path / name, lambda pixels: pixels[:height])
    assert abs(next(Film(tmp_path / name).frames()).pixels[32, 32].astype(int) - colour).max() <= 3
