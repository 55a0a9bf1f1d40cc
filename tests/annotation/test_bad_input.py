"""Bad input gives one clear line; no file is overwritten, incomplete or lost."""

import os
import random
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Coding, moved, read_packets, read_pictures, shrunk, write_recording

import livefan
from livefan.annotation.annotate import annotate
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.resources import bundled_clip
from livefan.io.video import VideoSource


@pytest.fixture(scope="module")
def small(photo: np.ndarray) -> np.ndarray:
    return shrunk(photo)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, small: np.ndarray) -> Path:
    """A recording of 40 frames with a key frame every ten."""
    path = tmp_path_factory.mktemp("plain") / "plain.mkv"
    pictures = [moved(small, n / 2) for n in range(40)]
    coding = Coding(options={"crf": "16", "preset": "ultrafast", "g": "10"})
    return write_recording(path, pictures, coding=coding)


def without_video(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    return path


def without_frames(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        container.start_encoding()
    return path


def unreadable(folder: Path, plain: Path) -> Iterator[Path]:
    """Yield files that contain no readable frame."""
    for name, content in (
        ("empty.mp4", b""),
        ("text.mp4", b"not a video"),
        ("header.mkv", plain.read_bytes()[:600]),
        ("zeros.avi", bytes(5000)),
    ):
        (folder / name).write_bytes(content)
        yield folder / name
    yield without_video(folder / "sound.mkv")
    yield without_frames(folder / "no-frames.mkv")
    yield folder / "missing.mp4"


def test_unreadable_recording_gives_one_line_error_and_no_files(
    tmp_path: Path, plain: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    out.mkdir()
    for path in unreadable(tmp_path, plain):
        assert main(["annotate", str(path), "-o", str(out / "o.mp4")]) == 2, path.name
        message = capsys.readouterr().err
        assert message.startswith("livefan: "), path.name
        assert message.count("\n") == 1, message
        assert path.name in message
        assert list(out.iterdir()) == [], path.name


def test_impossible_outputs_are_refused_before_the_work(
    tmp_path: Path, plain: Path, capsys: pytest.CaptureFixture[str]
):
    taken = tmp_path / "taken.csv"
    taken.write_text("precious")
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(plain.read_bytes())
    images = tmp_path / "images"
    images.mkdir()
    (images / "a_1.png").write_bytes(b"precious")
    for arguments, message in (
        ([images, "-o", images / "a_1.png", "--overwrite"], "a_1.png: is the input"),
        ([images / "a_%d.png", "-o", images / "a_1.png", "--overwrite"], "a_1.png: is the input"),
        ([copy, "-o", copy], "is the input"),
        ([copy, "-o", copy, "--overwrite"], "is the input"),
        ([copy, "-o", tmp_path / "taken.mp4"], "taken.csv: exists already; add --overwrite"),
        ([copy, "-o", tmp_path / "out.xyz"], "end the name in .mp4"),
        ([copy, "-o", tmp_path / "out.xlsx"], "or .csv, .jsonl, .parquet"),
        ([copy, images, "-o", tmp_path / "all.csv"], "all.csv: OUT of several recordings is a folder"),
        ([copy, plain, "-o", tmp_path / "all.MP4"], "all.MP4: OUT of several recordings is a folder"),
        ([copy, "-o", "-"], "-: name a file for the output"),
        ([copy, "-o", ".csv"], ".csv: name a file for the output"),
        ([copy, "-o", tmp_path / ".COCO.json"], ".COCO.json: name a file for the output"),
        ([copy, "-o", tmp_path / "..mp4"], "..mp4: name a file for the output"),
        ([copy, "-o", tmp_path / "none/out.mp4"], "no such folder"),
        ([copy, "-o", "/proc/out.mp4"], "/proc"),
        ([copy, "-o", tmp_path / "out.mov", "--codec", "vp9"], ".mov does not hold vp9"),
        ([copy, "-o", tmp_path / "out.mp4", "--quality", "99"], "takes 0 to 51"),
        ([copy, "-o", tmp_path / "out.csv", "--neutral"], "add: --measures expressions"),
        ([copy, "-o", tmp_path / "out.csv", "--codec", "hevc"], "--codec: no video is written"),
        ([copy, "-o", tmp_path / "out.png", "--quality", "9"], "--quality: no video is written"),
        ([copy, "-o", tmp_path / "out.mp4", "--no-video", "--data", "none"], "nothing to write"),
    ):
        assert main(["annotate", *map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert taken.read_text() == "precious"
    assert copy.read_bytes() == plain.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.mkv", "images", "taken.csv"]
    assert (images / "a_1.png").read_bytes() == b"precious"


@pytest.mark.parametrize("ending", ["", "/"])
def test_existing_pts_folder_is_an_output_of_its_own(
    tmp_path: Path, plain: Path, capsys: pytest.CaptureFixture[str], ending: str
):
    out = tmp_path / "out.pts"
    out.mkdir()
    assert main(["annotate", str(plain), "-o", f"{out}{ending}"]) == 2
    assert f"{out}: exists already; add --overwrite" in capsys.readouterr().err
    assert list(out.iterdir()) == []


def test_data_of_another_format_are_not_left_with_new_metadata(
    tmp_path: Path, plain: Path, capsys: pytest.CaptureFixture[str]
):
    for name in ("out.csv", "out.livefan.json"):
        (tmp_path / name).write_text("earlier")
    given = ["annotate", str(plain), "-o", str(tmp_path / "out.parquet"), "--overwrite"]
    assert main(given) == 2
    error = capsys.readouterr().err
    assert "out.csv: is of an earlier annotation and would not fit the new out.livefan.json" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.livefan.json"]
    assert (tmp_path / "out.livefan.json").read_text() == "earlier"


@pytest.mark.slow
def test_overwrite_replaces_files_and_folders(tmp_path: Path, plain: Path):
    outputs = Outputs(tmp_path / "out", None, (".csv", ".pts"))
    outputs.tables[0].write_text("old")
    (tmp_path / "out.pts").mkdir()
    (tmp_path / "out.pts/old.pts").write_text("old")
    annotate(plain, outputs, overwrite=True)
    assert livefan.load_annotations(outputs.tables[0]).num_rows == 40
    assert not (tmp_path / "out.pts/old.pts").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_overwrite_replaces_a_link_and_not_the_folder_behind_it(tmp_path: Path):
    outputs = Outputs(tmp_path / "out", None, (".pts",))
    (tmp_path / "store").mkdir()
    (tmp_path / "store/old.pts").write_text("old")
    outputs.tables[0].symlink_to(tmp_path / "store")
    for path in (outputs.work / "out.pts/new.pts", outputs.work / outputs.metadata.name):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("new")
    outputs.place()
    assert [path.name for path in outputs.tables[0].iterdir()] == ["new.pts"]
    assert (tmp_path / "store/old.pts").read_text() == "old"


def test_truncated_recording_keeps_its_readable_frames(tmp_path: Path, plain: Path):
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(plain.read_bytes()[: plain.stat().st_size // 2])
    outputs = Outputs(tmp_path / "out")
    done = annotate(cut, outputs)
    assert 10 < done.n_frames < 35
    (problem,) = done.problems
    assert "cut.mkv: ends early" in problem
    assert livefan.load_annotations(outputs.tables[0]).num_rows == done.n_frames
    assert len(read_pictures(outputs.picture or cut)[0]) == done.n_frames


def damage(recording: Path, damaged: Path) -> Path:
    """Copy a recording with random bytes in the middle."""
    data = bytearray(recording.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = random.Random(0).randbytes(600)
    damaged.write_bytes(data)
    return damaged


@pytest.mark.slow
def test_damaged_frames_are_marked_and_later_frames_kept(tmp_path: Path, plain: Path):
    damaged = damage(plain, tmp_path / "damaged.mkv")
    outputs = Outputs(tmp_path / "out")
    done = annotate(damaged, outputs)
    assert "damaged" in done.problems[0]
    table = livefan.load_annotations(outputs.tables[0])
    assert table["time_s"][-1].as_py() == 39 / 25
    marked = [place for place, damage in enumerate(table["damage"].to_pylist()) if damage]
    assert marked
    steps = np.diff(table["time_s"].to_numpy())
    gaps = [place + 1 for place, step in enumerate(steps) if step > 0.05]
    assert all(table["damage"][place].as_py() == "gap" for place in gaps)
    with VideoSource(str(damaged), damaged.name) as source:
        assert read_pictures(outputs.picture or damaged)[1] == [frame.timestamp for frame in source]


@pytest.mark.slow
def test_late_start_of_video_does_not_count_as_lost_frames(tmp_path: Path, small: np.ndarray):
    """Audio that begins before the video makes the duration longer than the number of frames implies."""
    times = [400 + 40 * n for n in range(40)]
    pictures = [moved(small, n / 2) for n in range(40)]
    coding = Coding(options={"crf": "16", "preset": "ultrafast", "g": "10"})
    late = write_recording(tmp_path / "late.mkv", pictures, milliseconds=times, coding=coding)
    done = annotate(damage(late, tmp_path / "damaged.mkv"), Outputs(tmp_path / "out", None))
    (problem,) = done.problems
    assert f"frames lost: {40 - done.n_frames}," in problem


@pytest.mark.slow
def test_timestamps_that_jump_back_are_shifted_and_reported(tmp_path: Path, small: np.ndarray):
    part = write_recording(
        tmp_path / "part.ts", [small] * 30, sound=True, coding=Coding("mpeg2video", options={"b": "1M"})
    )
    joined = tmp_path / "joined.ts"
    joined.write_bytes(2 * part.read_bytes())
    outputs = Outputs(tmp_path / "out")
    done = annotate(joined, outputs)
    assert any("timestamps jump back" in problem for problem in done.problems)
    times = livefan.load_annotations(outputs.tables[0])["time_s"].to_numpy()
    assert len(times) >= 59  # FFmpeg reports the picture at the seam as damaged
    assert np.all(np.diff(times) > 0)
    assert len(read_pictures(outputs.picture or joined)[0]) == len(times)


def test_very_wide_frames_give_data_but_no_h264_video(tmp_path: Path):
    """H.264 cannot encode 20,000 x 2 pixels."""
    wide = np.full((2, 20000, 3), 90, np.uint8)
    clip = write_recording(tmp_path / "wide.mkv", [wide] * 2, coding=Coding("ffv1", "yuv420p", {}))
    with pytest.raises(LivefanError, match=r"20000 x 2"):
        annotate(clip, Outputs(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["wide.mkv"]
    done = annotate(clip, Outputs(tmp_path / "out", None))
    assert done.n_frames == 2
    assert "no face" in done.problems[0]


def mutated(data: bytes, seed: int) -> bytes:
    """Return a recording with bytes changed, removed or inserted, or truncated."""
    chance, changed = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed))
        span = chance.choice((1, 1, 4, 16, 200))
        how = chance.randrange(4)
        if how == 0:
            changed[at : at + span] = chance.randbytes(span)
        elif how == 1:
            del changed[at : at + span]
        elif how == 2:
            changed[at:at] = chance.randbytes(span)
        elif chance.random() < 0.3:
            del changed[max(at, 64) :]
    return bytes(changed)


def fuzzed(folder: Path, seeds: Iterable[int]) -> None:
    """Annotate mutated recordings: each gives complete outputs, or a one-line error and no files."""
    photo = next(iter(VideoSource(str(bundled_clip()), "clip"))).image
    pictures = [moved(shrunk(photo, 96, 72), n) for n in range(6)]
    kinds = {
        "k.mp4": Coding(),
        "k.mkv": Coding("libx265", options={"x265-params": "log-level=error"}),
        "k.webm": Coding("libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}),
        "k.ts": Coding("mpeg2video", options={"b": "1M"}),
        "k.avi": Coding("mjpeg", "yuvj420p", {}),
        "k.gif": Coding("gif", "bgr8", {}),
    }
    intact = {
        name: write_recording(
            folder / name, pictures, coding=coding, sound=name in ("k.mp4", "k.ts")
        ).read_bytes()
        for name, coding in kinds.items()
    }
    out = folder / "out"
    out.mkdir()
    for seed in seeds:
        name = list(intact)[seed % len(intact)]
        clip = folder / f"{seed}{Path(name).suffix}"
        clip.write_bytes(mutated(intact[name], seed))
        outputs = Outputs(out / "o", ".mkv", (".csv", ".jsonl"))
        try:
            done = annotate(clip, outputs, AnnotationSettings(max_faces=1))
        except LivefanError as error:
            message = str(error)
            assert "\n" not in message, (seed, message)
            assert list(out.iterdir()) == [], (seed, message)
        else:
            tables = [livefan.load_annotations(path) for path in outputs.tables]
            assert [table["frame"].to_pylist() for table in tables] == [list(range(done.n_frames))] * 2, seed
            assert len(read_pictures(outputs.picture or clip)[0]) == done.n_frames, seed
            for path in outputs:
                path.unlink()
            assert list(out.iterdir()) == [], seed
        clip.unlink()


@pytest.mark.slow
def test_mutated_recordings_give_complete_outputs_or_one_line_errors(tmp_path: Path):
    # In the last one a second face appears after the first is lost: never more than one at a time.
    fuzzed(tmp_path, [*range(7), 86])


@pytest.mark.fuzz
def test_thousand_mutated_recordings(tmp_path: Path):
    fuzzed(tmp_path, range(12, 1012))


@pytest.mark.slow
def test_failed_video_costs_no_data(tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: object) -> list[str]:
        raise LivefanError("out.mp4: the video cannot be written; choose another container")

    monkeypatch.setattr("livefan.annotation.annotate.mux", fail)
    outputs = Outputs(tmp_path / "out")
    (problem,) = annotate(plain, outputs).problems
    assert "out.mp4: the video cannot be written" in problem
    assert f"the data are complete in {tmp_path / 'out.csv'}" in problem
    assert livefan.load_annotations(outputs.tables[0]).num_rows == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.livefan.json"]


@pytest.mark.slow
def test_failed_video_without_data_keeps_the_measurements(
    tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*arguments: object) -> list[str]:
        raise LivefanError("out.mp4: the video cannot be written; choose another container")

    outputs = Outputs(tmp_path / "out", ".mp4", ())
    with monkeypatch.context() as patched:
        patched.setattr("livefan.annotation.annotate.mux", fail)
        with pytest.raises(LivefanError, match=r"the 40 measured frames are kept in .*\.out\.mp4\.partial"):
            annotate(plain, outputs)
    monkeypatch.setattr("livefan.annotation.annotate.measure", fail)  # measures nothing again
    assert annotate(plain, outputs).n_frames == 40


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_pipe_is_read_like_standard_input(tmp_path: Path, plain: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeding = threading.Thread(target=pipe.write_bytes, args=[plain.read_bytes()])
    feeding.start()
    done = annotate(pipe, Outputs(tmp_path / "out"))
    feeding.join()
    assert done.n_frames == 40
    assert read_packets(tmp_path / "out.mp4", "video")


@pytest.mark.slow
def test_long_names_are_written(tmp_path: Path, plain: Path):
    """The name of the work folder is shortened; FFmpeg and the journal write into it."""
    long = tmp_path / ("ä" * 118)
    annotate(plain, Outputs(long))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{long.name}{end}" for end in (".csv", ".livefan.json", ".mp4")
    ]


def test_impossible_file_name_gives_one_line_error(tmp_path: Path, plain: Path):
    with pytest.raises(LivefanError, match=r"255 are allowed; choose a shorter name"):
        annotate(plain, Outputs(tmp_path / ("x" * 246)))
    assert list(tmp_path.iterdir()) == []
