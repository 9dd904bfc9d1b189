"""Films read and written: turned, timed, coloured and as long as they were, with their sound."""

from fractions import Fraction

import numpy as np
import pytest
from conftest import SHARED

pytest.importorskip("av")
from made_films import av, packets, plain, shown, write

from nst.data import film_writing
from nst.data.film import Film, to_image, to_pixels
from nst.data.film_writing import FilmWriter


def copied(source, target, change=lambda pixels: pixels, count=None):
    """Write a film whose frames are those of another one, or only the first `count` of them and no end."""
    film = Film(source)
    writer = FilmWriter(film, target, {})
    for frame in film.frames():
        if frame.number == count:
            return writer
        writer.add(frame, None if frame.number < writer.done else change(frame.pixels))
    writer.finish()
    return writer


MATRICES = {  # a b c d of the display matrix -> what a player does to the stored pixels
    "as it is": ((1, 0, 0, 1), lambda x: x),
    "a quarter to the right": ((0, 1, -1, 0), lambda x: np.rot90(x, -1)),
    "a quarter to the left": ((0, -1, 1, 0), lambda x: np.rot90(x)),
    "half a turn": ((-1, 0, 0, -1), lambda x: np.rot90(x, 2)),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "mirrored and turned": ((0, 1, 1, 0), lambda x: x.swapaxes(0, 1)),
}


@pytest.mark.parametrize(("matrix", "turn"), MATRICES.values(), ids=MATRICES)
def test_films_are_upright(tmp_path, matrix, turn):
    path = write(tmp_path / "a.mp4", plain(2))
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    identity = np.array([1 << 16, 0, 0, 0, 1 << 16], ">i4").tobytes()
    at = data.find(identity, data.find(b"tkhd"))
    data[at : at + 20] = np.array([a, b, 0, c, d], ">i4").tobytes()
    path.write_bytes(bytes(data))
    copied(path, tmp_path / "b.mp4")
    wanted = turn(plain(2)[0])
    assert Film(path).about.size == wanted.shape[:2]
    (_, first), _ = shown(tmp_path / "b.mp4")
    assert first.shape == wanted.shape and abs(first.astype(int) - wanted).mean() < 3


def test_every_frame_keeps_its_time(tmp_path):
    times = [0, 37, 1000, 1001, 5000, 90001]
    path = write(tmp_path / "a.mp4", plain(6), times=times, time_base=Fraction(1, 16000))
    for name in ("b.mp4", "b.mkv", "b.mov", "b.webm", "b.ts", "b.flv"):
        copied(path, tmp_path / name)
        seconds = [second for second, _ in shown(tmp_path / name)]
        unit = {"mp4": 16000, "mov": 16000, "ts": 90000}.get(name[2:], 1000)  # Matroska and FLV count milliseconds
        assert np.allclose(seconds, np.array(times) / 16000, atol=0.5 / unit + 1e-9 if unit != 16000 else 1e-9), name


@pytest.mark.parametrize("name", ["b.mp4", "b.mov", "b.mkv"])
def test_sound_is_copied_packet_by_packet(tmp_path, name):
    path = write(tmp_path / "a.mp4", plain(6), sound=True)
    copied(path, tmp_path / name)
    before, after = packets(path, "audio"), packets(tmp_path / name, "audio")
    assert len(before) > 20 and [data for _, data in before] == [data for _, data in after]
    shift = shown(tmp_path / name)[0][0] - shown(path)[0][0]  # Matroska has no time before 0, where this sound begins
    assert shift == 0 or (name == "b.mkv" and shift == 0.021)
    assert np.allclose([time + shift for time, _ in before], [time for time, _ in after], atol=6e-4)


def test_subtitles_languages_and_chapters_are_copied(tmp_path):
    (tmp_path / "a.srt").write_text("1\n00:00:00,100 --> 00:00:00,400\nsaid\n")
    pictures = write(tmp_path / "p.mp4", plain(6))
    with (
        av.open(str(pictures)) as film,
        av.open(str(tmp_path / "a.srt")) as words,
        av.open(str(tmp_path / "a.mkv"), "w") as out,
    ):
        streams = {one: out.add_stream_from_template(one) for one in (film.streams[0], words.streams[0])}
        streams[words.streams[0]].metadata["language"] = "ger"
        out.metadata["title"] = "the title"
        out.set_chapters(
            [{"id": 1, "start": 0, "end": 300, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}}]
        )
        for packet in [*film.demux(), *words.demux()]:
            if packet.size:
                packet.stream = streams[packet.stream]
                out.mux(packet)
    copied(tmp_path / "a.mkv", tmp_path / "b.mkv")
    assert packets(tmp_path / "b.mkv", "subtitle") == packets(tmp_path / "a.mkv", "subtitle") != []
    with av.open(str(tmp_path / "b.mkv")) as film:
        assert film.streams.subtitles[0].metadata["language"] == "ger"
        assert film.metadata["title"] == "the title" and film.chapters()[0]["metadata"] == {"title": "one"}


@pytest.mark.parametrize(("space", "extent"), [(1, 1), (1, 2), (6, 1), (9, 1)])
def test_colours_and_tags_are_kept(tmp_path, space, extent):
    colour = (40, 200, 60)
    path = write(tmp_path / "a.mp4", [np.full((32, 48, 3), colour, np.uint8)] * 2, space=space, extent=extent)
    copied(path, tmp_path / "b.mp4")
    assert abs(shown(tmp_path / "b.mp4")[0][1][16, 24].astype(int) - colour).max() <= 2
    with av.open(str(tmp_path / "b.mp4")) as film:
        frame = next(film.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_range)) == (space, extent)


@pytest.mark.parametrize(("height", "space"), [(720, 1), (288, 6)])
def test_an_untagged_film_is_read_as_players_do_and_tagged(tmp_path, height, space):
    path = write(tmp_path / "a.mp4", [np.full((height, 64, 3), 90, np.uint8)])
    assert Film(path).about.colours.space == space
    copied(path, tmp_path / "b.mp4", lambda pixels: pixels[:32])  # smaller: a player would take it for another space
    assert Film(tmp_path / "b.mp4").about.colours.space == space


def test_ten_bits_stay_ten_bits(tmp_path):
    ramp = np.broadcast_to(np.linspace(20000, 24000, 256).astype(np.uint16)[None, :, None], (32, 256, 3))
    path = write(
        tmp_path / "a.mp4", [np.ascontiguousarray(ramp)] * 2, kind="yuv420p10le", space=1, extent=1, quality="0"
    )
    copied(path, tmp_path / "b.mp4", lambda pixels: to_pixels(to_image(pixels), deep=True))
    after = next(Film(tmp_path / "b.mp4").frames()).pixels
    assert after.dtype == np.uint16 and abs(after.astype(int) - ramp).mean() < 100  # a step of 8 bits is 257
    with av.open(str(tmp_path / "b.mp4")) as film:
        assert film.streams.video[0].codec_context.pix_fmt == "yuv420p10le"


def test_streams_that_are_left_out_are_named(tmp_path):
    path = write(tmp_path / "a.mp4", plain(2))
    with av.open(str(path)) as film, av.open(str(tmp_path / "b.mkv"), "w") as out:
        streams = [out.add_stream_from_template(film.streams.video[0]) for _ in range(2)]
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = streams[0]
                out.mux(packet)
    assert Film(path).remark() is None
    assert Film(tmp_path / "b.mkv").remark() == f"{tmp_path / 'b.mkv'} also holds streams of video: they are left out"


def test_pixels_of_no_square_shape_keep_it(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 15)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(plain(1)[0], format="rgb24")))
        out.mux(stream.encode())
    copied(path, tmp_path / "b.mkv")
    assert Film(tmp_path / "b.mkv").about.aspect == Fraction(16, 15)


def test_pieces_join_without_a_seam_and_a_killed_writer_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(film_writing, "SEGMENT", 5)
    path = write(tmp_path / "a.mp4", plain(23), sound=True)
    copied(path, tmp_path / "b.mp4")
    whole = shown(tmp_path / "b.mp4")
    assert len(whole) == 23 and not list(tmp_path.glob(".*"))
    for kill in (5, 12):
        copied(path, tmp_path / "c.mp4", count=kill).close()  # its frames are files; nothing is finished
        assert not (tmp_path / "c.mp4").exists()
        assert len(list((tmp_path / ".c.mp4.parts").glob("*.npy"))) <= 5
        fresh = []
        writer = copied(path, tmp_path / "c.mp4", lambda pixels: fresh.append(1) or pixels)
        assert writer.done == kill and len(fresh) == 23 - kill
        assert (tmp_path / "c.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
        (tmp_path / "c.mp4").unlink()


def test_frames_of_another_request_are_not_used(tmp_path):
    path = write(tmp_path / "a.mp4", plain(4))
    copied(path, tmp_path / "b.mp4", count=2).close()
    writer = FilmWriter(Film(path), tmp_path / "b.mp4", {"style": "another"})
    assert writer.outdated and writer.done == 0
    with pytest.raises(ValueError, match="another process writes"):
        FilmWriter(Film(path), tmp_path / "b.mp4", {})


def test_a_container_that_cannot_hold_the_film_is_refused_before_a_frame(tmp_path):
    film = Film(write(tmp_path / "a.mp4", plain(2), sound=True))
    for name, words in (
        ("b.webm", r"it can't hold this film's sound or subtitles \(aac\); give output=b.mkv"),
        ("b.ogv", r"it can't hold this film's sound or subtitles \(aac\); give output=b.mkv"),
        ("b.gif", "is no container of films; give one of .mp4"),
    ):
        with pytest.raises(ValueError, match=words):
            FilmWriter(film, tmp_path / name, {})
    assert not list(tmp_path.glob(".*"))


def test_what_can_be_read_of_a_damaged_film_is_kept(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(40)]
    whole = write(tmp_path / "a.mkv", frames, quality="20")
    data = whole.read_bytes()
    (tmp_path / "half.mkv").write_bytes(data[: len(data) // 2])
    film = Film(tmp_path / "half.mkv")
    count = len(list(film.frames()))
    assert 5 < count < 35 and abs(film.lost - (40 - count)) <= 1
    assert film.damage("the rest is kept") == (
        f"{film.path} is damaged: {film.lost} of its frames can't be read; the rest is kept"
    )
    film = Film(whole)
    assert len(list(film.frames())) == 40 and film.damage("") is None
    (tmp_path / "none.mp4").write_bytes(b"no film")
    with pytest.raises(ValueError, match="not a complete video"):
        Film(tmp_path / "none.mp4")
    sounding = write(tmp_path / "b.mp4", plain(3), sound=True)
    with av.open(str(sounding)) as film, av.open(str(tmp_path / "sound.mp4"), "w") as out:
        stream = out.add_stream_from_template(film.streams.audio[0])
        for packet in film.demux(audio=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    with pytest.raises(ValueError, match="holds no pictures"):
        Film(tmp_path / "sound.mp4")


@pytest.mark.skipif(not (SHARED / "inputs").is_dir(), reason="no shared files here")
def test_real_files_of_other_programs(tmp_path):
    for name in ("rot90.mp4", "vfr.mp4", "hd709.mp4"):
        source = SHARED / "inputs" / name
        copied(source, tmp_path / name)
        assert [time for time, _ in shown(source)] == [time for time, _ in shown(tmp_path / name)]
    assert shown(tmp_path / "rot90.mp4")[0][1].shape == (96, 64, 3)
    assert abs(shown(tmp_path / "hd709.mp4")[0][1][360, 900].astype(int) - (40, 200, 60)).max() <= 1
