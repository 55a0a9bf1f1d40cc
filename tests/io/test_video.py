"""Videos: frames, timestamps, rotation, damage, and seeking."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered import (
    BLUE,
    GREEN,
    HEIGHT,
    N_FRAMES,
    RATE,
    RED,
    WHITE,
    WIDTH,
    corners,
    number_of,
    picture_of,
    write_clip,
)
from PIL import Image

from livefan.core.errors import LivefanError
from livefan.io.decode import DecodingLosses, decode
from livefan.io.open import open_source


def test_frames_come_in_order_with_their_timestamps(numbered_clip: Path) -> None:
    with open_source(numbered_clip) as source:
        frames = list(source)
    assert [number_of(frame.image) for frame in frames] == list(range(60))
    assert [frame.index for frame in frames] == list(range(60))
    assert [frame.source_time for frame in frames] == pytest.approx([n / 25 for n in range(60)], abs=1e-9)
    assert frames[0].image.shape == (HEIGHT, WIDTH, 3)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].image.flags.c_contiguous
    assert source.warnings == []


def test_properties_of_the_file(numbered_clip: Path) -> None:
    with open_source(str(numbered_clip)) as source:
        assert (source.name, source.live, source.size) == ("clip.mp4", False, (WIDTH, HEIGHT))
        assert (source.fps, source.n_frames) == (25.0, 60)


def test_colours_are_bgr(tmp_path: Path) -> None:
    image = np.full((HEIGHT, WIDTH, 3), RED, np.uint8)
    with open_source(write_clip(tmp_path / "red.mp4", [image])) as source:
        frame = next(iter(source))
    np.testing.assert_allclose(frame.image[32, 48], RED, atol=12)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_frame_rate_is_kept(tmp_path: Path, suffix: str) -> None:
    times = [0, 10, 50, 51, 300, 1000, 1040]
    path = write_clip(
        tmp_path / f"vfr{suffix}", [picture_of(n) for n in range(len(times))], milliseconds=times
    )
    with open_source(path) as source:
        assert [frame.source_time for frame in source] == pytest.approx([at / 1000 for at in times], abs=5e-4)
    assert source.warnings == []


def test_indices_after_a_seek_are_unique_at_a_variable_frame_rate(tmp_path: Path) -> None:
    times = [0, 10, 50, 51, 300, 1000, 1040]
    path = write_clip(tmp_path / "vfr.mkv", [picture_of(n) for n in range(len(times))], milliseconds=times)
    with open_source(path) as source:
        for seconds in (0.0, 0.3, 0.0):
            source.seek(seconds)
            indices = [frame.index for frame in source]
            assert len(indices) > 2
            assert indices == sorted(set(indices))


def test_error_for_a_file_deleted_while_open_names_the_file(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gone.h264", [picture_of(n) for n in range(9)])
    with open_source(path) as source:
        path.unlink()
        with pytest.raises(LivefanError, match=r"gone\.h264: is no longer there; put it back"):
            source.seek(0.0)


def test_source_time_starts_at_the_first_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "late.mkv", [picture_of(n) for n in range(3)], milliseconds=[700, 740, 790])
    with open_source(path) as source:
        assert [frame.source_time for frame in source] == pytest.approx([0, 0.04, 0.09], abs=1e-9)


@pytest.mark.parametrize(
    ("degrees", "mirrored", "upright"),
    [
        (0, False, (BLUE, GREEN, RED, WHITE)),
        (90, False, (GREEN, WHITE, BLUE, RED)),  # counterclockwise
        (180, False, (WHITE, RED, GREEN, BLUE)),
        (-90, False, (RED, BLUE, WHITE, GREEN)),
        (0, True, (GREEN, BLUE, WHITE, RED)),
    ],
)
def test_display_rotation_is_applied(
    tmp_path: Path, degrees: int, mirrored: bool, upright: tuple[tuple[int, int, int], ...]
) -> None:
    path = write_clip(
        tmp_path / "turned.mp4",
        [corners()] * 2,
        turn=lambda stream: stream.set_display_rotation(degrees, hflip=mirrored),
    )
    with open_source(path) as source:
        image = next(iter(source)).image
    assert source.size == ((HEIGHT, WIDTH) if degrees in {90, -90} else (WIDTH, HEIGHT))
    assert image.shape[1::-1] == source.size
    assert image.flags.c_contiguous
    seen = [image[y, x] for y in (10, -10) for x in (10, -10)]
    np.testing.assert_allclose(seen, upright, atol=16)


def test_truncated_mp4_gives_the_remaining_frames_and_a_warning(numbered_clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(numbered_clip.read_bytes()[: numbered_clip.stat().st_size * 6 // 10])
    with open_source(numbered_clip) as whole, open_source(cut) as source:
        frames = list(source)
        for frame, intact in zip(frames, whole, strict=False):
            np.testing.assert_array_equal(frame.image, intact.image)
    assert 20 < len(frames) < 50
    assert source.warnings == [f"cut.mp4: ends early, {len(frames)} of 60 frames could be read"]


def test_truncated_picture_is_left_out(tmp_path: Path) -> None:
    pictures = [picture_of(n) for n in range(30)]
    path = write_clip(tmp_path / "whole.mov", pictures, muxing={"movflags": "faststart"}, codec="mpeg4")
    cut = tmp_path / "cut.mov"
    with open_source(path) as source:
        whole = [frame.image for frame in source]
    for share in (0.6, 0.7, 0.8):
        cut.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with open_source(cut) as source:
            frames = list(source)
        assert 0.5 * share < len(frames) / len(whole) < 1
        for frame in frames:
            np.testing.assert_array_equal(frame.image, whole[frame.index])


def test_truncated_mkv_gives_a_warning(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", [picture_of(n) for n in range(60)])
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with open_source(cut) as source:
        count = len(list(source))
    assert 20 < count < 50
    assert source.warnings == [f"cut.mkv: ends early, {count} of about 60 frames could be read"]


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_audio_longer_than_the_video_gives_no_warning(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"clip{suffix}", [picture_of(n) for n in range(20)], silence=3.0)
    with open_source(path) as source:
        assert len(list(source)) == 20
    assert source.warnings == []


def test_truncated_mkv_with_audio_gives_a_warning(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", [picture_of(n) for n in range(60)], silence=0.1)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with open_source(cut) as source:
        count = len(list(source))
    assert source.warnings == [f"cut.mkv: ends early, {count} of about 60 frames could be read"]


def test_damage_in_the_middle_is_skipped_and_counted(numbered_clip: Path, tmp_path: Path) -> None:
    data = bytearray(numbered_clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2500] = bytes(2500)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    with open_source(damaged) as source:
        frames = list(source)
    assert 45 < len(frames) < 60
    assert [number_of(frame.image) for frame in frames[-5:]] == list(range(55, 60))
    assert frames[-1].source_time == pytest.approx(59 / 25)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(b.source_time > a.source_time for a, b in pairwise(frames))
    assert len(source.warnings) == 1
    assert source.warnings[0].startswith(f"damaged.mp4: damaged (frames lost: {60 - len(frames)},")


def test_timestamps_of_joined_recordings_increase(tmp_path: Path) -> None:
    part = write_clip(tmp_path / "part.ts", [picture_of(n) for n in range(40)])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(2 * part.read_bytes())
    with open_source(joined) as source:
        times = [frame.source_time for frame in source]
    assert len(times) >= 78
    assert (np.diff(times) > 0).all()
    assert times[-1] == pytest.approx(79 / 25, abs=0.2)


@pytest.mark.parametrize("data", [b"", b"these are words, not pictures\n" * 40], ids=["empty", "text"])
@pytest.mark.parametrize("name", ["clip.mp4", "notes.txt", "face.png"])
def test_file_that_is_no_video_gives_one_line_error_with_its_name(
    tmp_path: Path, name: str, data: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(LivefanError, match=name) as raised:
        open_source(path)
    assert "\n" not in str(raised.value)


def test_text_art_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"\x1b[1;31mred\x1b[0m words\r\n" * 100)
    with pytest.raises(LivefanError, match=r"notes\.txt: "):
        open_source(path)


@pytest.mark.parametrize("share", [0.5, 0.95], ids=["none of it", "half of it"])
def test_mp4_without_its_index_is_rejected(tmp_path: Path, share: float) -> None:
    whole = write_clip(tmp_path / "whole.mp4", [picture_of(n) for n in range(20)])
    path = tmp_path / "unfinished.mp4"
    data = whole.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(LivefanError, match=r"unfinished\.mp4: .*cut off"):
        open_source(path)


def test_audio_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(LivefanError, match=r"song\.wav: has no video in it"):
        open_source(path)


@settings(max_examples=25)
@given(seconds=st.floats(0, N_FRAMES / RATE - 0.001))
def test_seek_finds_the_frame_shown_at_that_time(numbered_clip: Path, seconds: float) -> None:
    with open_source(numbered_clip) as source:
        source.seek(seconds)
        frame = source.read()
    assert frame is not None
    assert frame.index == number_of(frame.image) == int(seconds * RATE + 1e-6)


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 1e9])
def test_seek_outside_the_video_finds_the_nearest_frame(numbered_clip: Path, seconds: float) -> None:
    with open_source(numbered_clip) as source:
        source.seek(seconds)
        frame = source.read()
    assert frame is not None
    assert number_of(frame.image) == (0 if seconds <= 0 else N_FRAMES - 1)


def test_frames_after_a_seek_have_full_size(numbered_clip: Path) -> None:
    with open_source(numbered_clip) as source:
        source.seek(1.0)
        frame = source.read()
    assert frame is not None
    assert frame.image.shape == (HEIGHT, WIDTH, 3)


def test_error_of_a_filter_names_the_file(numbered_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(pictures: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        yield next(pictures)
        raise av.error.ArgumentError(22, "Invalid argument")

    monkeypatch.setattr("livefan.io.video.deinterlaced", failing)
    with open_source(numbered_clip) as source:
        assert source.read() is not None
        with pytest.raises(LivefanError, match=r"clip\.mp4: cannot be decoded \(Invalid argument\)"):
            source.read()
    with open_source(numbered_clip) as source, pytest.raises(LivefanError, match=r"clip\.mp4: "):
        source.seek(1.0)


@pytest.mark.slow
def test_closed_source_leaves_no_picture_and_no_decoder(numbered_clip: Path) -> None:
    """A reference cycle would keep a decoder's threads and memory until the garbage collector runs."""

    def pictures() -> int:
        return sum(type(each) is av.VideoFrame for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = pictures()
        for _ in range(3):
            with open_source(numbered_clip) as source:
                assert sum(1 for _ in source) == 60
        del source
        assert pictures() <= before
    finally:
        gc.enable()


@pytest.mark.parametrize("suffix", [".avi", ".mov"])
def test_exif_in_the_pictures_costs_no_picture(tmp_path: Path, suffix: str) -> None:
    """FFmpeg attaches EXIF as side data of a type that PyAV does not list."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    path = tmp_path / f"camera{suffix}"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = HEIGHT, WIDTH, "yuvj420p"
        for number in range(5):
            coded = io.BytesIO()
            stored = np.ascontiguousarray(np.rot90(picture_of(5 * number))[..., ::-1])
            Image.fromarray(stored).save(coded, "JPEG", quality=95, exif=exif)
            packet = av.Packet(coded.getvalue())
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), True
            packet.pts = packet.dts = number
            container.mux(packet)
    with open_source(path) as source:
        frames = list(source)
    assert source.warnings == []
    assert [number_of(frame.image) // 5 for frame in frames] == [0, 1, 2, 3, 4]
    assert all(frame.image.shape == (HEIGHT, WIDTH, 3) for frame in frames)


def test_stream_of_one_picture_is_not_the_recording(tmp_path: Path, numbered_clip: Path) -> None:
    """A cover that no flag marks as one precedes the video."""
    path = tmp_path / "cover.mov"
    with av.open(str(numbered_clip)) as clip, av.open(str(path), "w") as container:
        cover: Any = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        copy = container.add_stream_from_template(clip.streams.video[0])
        picture = av.VideoFrame.from_ndarray(picture_of(50), format="bgr24").reformat(format="yuvj420p")
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        for packet in clip.demux(video=0):
            if packet.size:
                packet.stream = copy
                container.mux(packet)
    with open_source(path) as source:
        assert len(list(source)) == N_FRAMES


@pytest.mark.parametrize("failure", [ValueError("31 is not a type"), KeyError("x"), OverflowError()])
def test_every_decoder_error_gives_one_line(
    numbered_clip: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(picture: object) -> None:
        raise failure

    monkeypatch.setattr("livefan.io.video.upright_bgr", fail)
    with pytest.raises(LivefanError, match=r"clip\.mp4: reading failed") as error:
        open_source(numbered_clip)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", [".avi", ".asf"])
def test_reordered_pictures_keep_even_times_where_only_decoding_times_are_stored(
    tmp_path: Path, suffix: str
) -> None:
    def reorder(stream: Any) -> None:
        stream.codec_context.options = {"crf": "12", "bf": "3", "x264-params": "b-adapt=0:scenecut=0"}
        stream.gop_size = 12

    path = write_clip(tmp_path / f"clip{suffix}", [picture_of(n) for n in range(20)], turn=reorder)
    with open_source(path) as source:
        frames = list(source)
        assert [number_of(frame.image) for frame in frames] == list(range(20))
        assert [frame.source_time for frame in frames] == pytest.approx([n / RATE for n in range(20)])
        source.seek(19 / RATE)
        frame = source.read()
        assert frame is not None
        assert (number_of(frame.image), frame.source_time) == (19, pytest.approx(19 / RATE))


@pytest.mark.parametrize("suffix", [".asf", ".flv", ".nut"])
def test_late_start_counts_in_the_duration_of_some_formats(tmp_path: Path, suffix: str) -> None:
    times = [1000 + 40 * number for number in range(20)]
    path = write_clip(tmp_path / f"late{suffix}", [picture_of(n) for n in range(20)], milliseconds=times)
    with open_source(path) as source:
        assert len(list(source)) == 20
    assert source.warnings == []


def test_raw_dv_has_the_rate_of_its_pictures(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "tape.dv"), "w") as container:
        stream: Any = container.add_stream("dvvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        for number in range(4):
            image = np.full((576, 720, 3), 40 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image).reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    with open_source(tmp_path / "tape.dv") as source:
        assert (source.fps, source.n_frames) == (25, 4)
        assert [frame.source_time for frame in source] == pytest.approx([0, 0.04, 0.08, 0.12])
    assert source.warnings == []


def test_empty_packet_shows_a_picture_further_and_is_no_damage(numbered_clip: Path) -> None:
    """Theora stores a picture that equals the last one as a packet without data."""
    with av.open(str(numbered_clip)) as container:
        stream = container.streams.video[0]
        packets = list(container.demux(stream))
        empty = av.Packet()
        empty.stream, empty.pts, empty.dts = stream, packets[5].pts, packets[5].dts
        packets.insert(5, empty)
        losses = DecodingLosses()
        repeating: Any = SimpleNamespace(demux=lambda stream: packets)
        assert len(list(decode(repeating, stream, losses))) == N_FRAMES
    assert (losses.packets, losses.errors) == (N_FRAMES, 0)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", "h264"), ("libx265", "hevc"), ("mpeg2video", "m2v")]
)
@pytest.mark.parametrize("rate", [15, 25, 50])
def test_bare_stream_has_the_rate_that_its_headers_state(
    tmp_path: Path, codec: str, suffix: str, rate: int
) -> None:
    if codec == "mpeg2video" and rate == 15:
        pytest.skip("MPEG-2 has no such rate")
    path = tmp_path / f"bare.{suffix}"
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w", format={"m2v": "mpeg2video"}.get(suffix, suffix)) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=quiet)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(10):
            picture = av.VideoFrame.from_ndarray(picture_of(number), format="bgr24")
            container.mux(stream.encode(picture.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    with open_source(path) as source:
        times = [frame.source_time for frame in source]
    assert (source.fps, source.rate_assumed) == (rate, False)
    assert times == pytest.approx([number / rate for number in range(10)], abs=1e-6)


def test_rate_of_bare_pictures_is_marked_as_assumed(tmp_path: Path) -> None:
    """Motion JPEG without a container states no rate."""
    images = [cv2.imencode(".jpg", picture_of(number))[1].tobytes() for number in range(4)]
    (tmp_path / "camera.mjpeg").write_bytes(b"".join(images))
    with open_source(tmp_path / "camera.mjpeg") as source:
        assert len(list(source)) == 4
        assert (source.fps, source.rate_assumed) == (25, True)
