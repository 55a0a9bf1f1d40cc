"""Smoothing of a recording in chunks."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import shrunk, write_recording

import livefan
from livefan.annotation import postprocess
from livefan.annotation.annotate import annotate
from livefan.annotation.journal import Journal
from livefan.annotation.observations import AppearanceSample, Observation
from livefan.annotation.outputs import Outputs
from livefan.core.landmarks import IBUG_68
from livefan.formats.records import FrameInfo
from livefan.io.video import VideoSource
from livefan.measures.blinks import LEFT, RIGHT
from livefan.measures.expressions import NAMES

BASE = Fraction(1, 25)


@pytest.mark.slow
def test_smoothing_in_chunks_equals_smoothing_in_one_piece(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
):
    """Chunks have context on either side, so their borders are not visible."""
    part = tmp_path / "part.mkv"
    with VideoSource(str(clip), clip.name) as source:
        pictures = [shrunk(frame.image, 320, 180) for frame, _ in zip(source, range(40), strict=False)]
    write_recording(part, pictures)
    whole = Outputs(tmp_path / "whole", None, (".parquet",))
    with monkeypatch.context() as patch:
        patch.setattr(postprocess, "CHUNK", 1000)
        annotate(part, whole)
    monkeypatch.setattr(postprocess, "CHUNK", 10)
    chunked = Outputs(tmp_path / "chunked", None, (".parquet",))
    annotate(part, chunked)
    one, other = (livefan.load_annotations(outputs.tables[0]) for outputs in (whole, chunked))
    for name in ("nose_bridge_3_x", "inner_lip_6_y", "right_eye_1_y"):
        np.testing.assert_allclose(other[name].to_numpy(), one[name].to_numpy(), atol=0.05)
    raw, smooth = (one[f"jaw_4{part}"].to_numpy() for part in ("_raw_x", "_x"))
    assert np.abs(np.diff(smooth, 2)).mean() < 0.9 * np.abs(np.diff(raw, 2)).mean()


def test_uncertain_face_is_filled_in_a_short_gap_and_unsure_elsewhere(tmp_path: Path):
    frames = [FrameInfo(n, n, n / 25, "", 640, 480) for n in range(40)]
    points_px = np.random.default_rng(0).uniform(100, 200, (68, 2))
    sigma_px = np.full(68, 2.0)
    scores = [0.9] * 10 + [0.5] * 3 + [0.9] * 10 + [0.5] * 17
    faces = [
        Observation(n, 1, points_px + n, np.full(68, 0.8 * score), sigma_px, score, backwards=n < 3)
        for n, score in enumerate(scores)
    ]
    with Journal(tmp_path / "journal.sqlite", "test") as journal:
        journal.add(frames, faces, [], "")
        journal.finish([])
        chunks = list(postprocess.annotated_frames(journal, IBUG_68, time_base=BASE, strength=0.0))
    annotated = [face for chunk in chunks for frame in chunk for face in frame.faces]
    expected = ["backwards"] * 3 + ["forwards"] * 7 + ["filled"] * 3 + ["forwards"] * 10 + ["unsure"] * 17
    assert [face.found for face in annotated] == expected
    assert {face.track_id for face in annotated} == {1}
    np.testing.assert_allclose(annotated[30].points_px, points_px + 30)
    assert annotated[30].confidence.mean() == pytest.approx(0.4)
    assert np.isnan(annotated[11].raw_points_px).all()


def test_nothing_is_smoothed_across_a_cut_at_which_the_face_changes(tmp_path: Path):
    """A cut across which the track continues is a change of the light, and gaps are filled across it."""
    frames = [FrameInfo(n, n, n / 25, "", 640, 480, cut=n in (5, 10)) for n in range(20)]
    face_px = np.random.default_rng(0).uniform(100, 200, (68, 2))
    faces = [
        Observation(n, 1 if n < 10 else 2, face_px + 300 * (n >= 10), np.full(68, 0.9), np.full(68, 2.0), 0.9)
        for n in range(20)
        if n not in (6, 9)
    ]
    with Journal(tmp_path / "journal.sqlite", "test") as journal:
        journal.add(frames, faces, [], "")
        journal.finish([])
        annotated = [
            frame
            for chunk in postprocess.annotated_frames(journal, IBUG_68, time_base=BASE)
            for frame in chunk
        ]
    for frame in annotated:
        for face in frame.faces:
            np.testing.assert_allclose(face.points_px, face_px + 300 * (frame.info.index >= 10), atol=1e-6)
    assert [face.found for face in annotated[6].faces] == ["filled"]
    assert not annotated[9].faces


def test_track_that_is_found_again_after_another_one_took_its_place_keeps_its_id(tmp_path: Path):
    """A second face appears where the first was lost; the first is found again beyond the first window."""
    frames = [FrameInfo(n, n, n / 30, "", 640, 480) for n in range(200)]
    points_px = np.random.default_rng(0).uniform(100, 200, (68, 2))
    faces, samples = [], []
    for track, look, shown in ((1, 0.0, [*range(80), *range(150, 200)]), (2, 4.5, range(108, 200))):
        for n in shown:
            shift = 300 if track == 1 and n >= 150 else 0
            faces.append(Observation(n, track, points_px + shift, np.ones(68), np.ones(68), 0.9))
            if n % 8 == 0 or n == shown[0]:
                samples.append(AppearanceSample(n, track, np.full(192, look, np.float32)))
    with Journal(tmp_path / "journal.sqlite", "test") as journal:
        journal.add(frames, faces, samples, "")
        journal.finish([])
        annotated = [
            frame
            for chunk in postprocess.annotated_frames(journal, IBUG_68, time_base=BASE)
            for frame in chunk
        ]
    ids = [{face.track_id: int(face.box_px[0] > 300) for face in frame.faces} for frame in annotated]
    assert [len(frame.faces) for frame in annotated] == [1] * 80 + [0] * 28 + [1] * 42 + [2] * 50
    assert ids == [{1: 0}] * 80 + [{}] * 28 + [{1: 0}] * 42 + [{1: 1, 2: 0}] * 50


def expressive(frame: int, points_px: np.ndarray, expressions: np.ndarray) -> Observation:
    """Return a sure observation of face 1 with expressions."""
    quality = np.full(68, 0.9), np.full(68, 2.0), 0.9
    pupils_px = points_px[[37, 43]]
    return Observation(frame, 1, points_px, *quality, expressions=expressions, pupils_px=pupils_px)


def test_expressions_are_measured_from_the_first_second_of_each_face(tmp_path: Path):
    frames = [FrameInfo(n, n, n / 25, "", 640, 480) for n in range(100)]
    points_px = np.random.default_rng(0).uniform(100, 200, (68, 2))
    jaw_open = NAMES.index("jawOpen")
    faces = []
    for n in range(100):
        expressions = np.full(len(NAMES), 0.1, np.float32)
        expressions[jaw_open] = 0.2 if n < 50 else 0.6
        faces.append(expressive(n, points_px, expressions))
    with Journal(tmp_path / "journal.sqlite", "test") as journal:
        journal.add(frames, faces, [], "")
        journal.finish([])
        chunks = postprocess.annotated_frames(journal, IBUG_68, time_base=BASE, strength=0.0, neutral=True)
        annotated = [frame.faces[0].expressions for chunk in chunks for frame in chunk]
    measured = [(values[jaw_open], values[0]) for values in annotated]
    np.testing.assert_allclose(measured, [(0.0, 0.0)] * 50 + [(0.5, 0.0)] * 50, atol=1e-6)


def blink_rows(
    journal: Journal, base: Fraction, *, neutral: bool = False
) -> list[tuple[float, tuple[float, ...] | None]]:
    """Return time and blink of each frame: start, duration and depths."""
    rows = []
    for chunk in postprocess.annotated_frames(journal, IBUG_68, time_base=base, fps=30.0, neutral=neutral):
        for frame in chunk:
            blink = frame.faces[0].blink
            values = blink and (blink.start_s, blink.duration_s, blink.right_depth, blink.left_depth)
            rows.append((float(frame.info.pts * base), values))
    return rows


@pytest.fixture
def blinking(tmp_path: Path) -> Iterator[Journal]:
    """A face whose lids move slowly, and that blinks every 17 frames; the first frame is at two seconds."""
    frames = [FrameInfo(n, n + 60, n / 30, "", 640, 480) for n in range(300)]
    points_px = np.random.default_rng(0).uniform(100, 200, (68, 2))
    faces = []
    for n in range(300):
        expressions = np.full(len(NAMES), 0.1, np.float32)
        expressions[[RIGHT, LEFT]] = 0.15 + 0.1 * np.sin(n / 60) + np.array([1.1, 0.8]) * (n % 17 < 4)
        faces.append(expressive(n, points_px, expressions))
    with Journal(tmp_path / "journal.sqlite", "test") as journal:
        journal.add(frames, faces, [], "")
        journal.finish([])
        yield journal


def test_blinks_are_whole_wherever_the_chunks_end(blinking: Journal, monkeypatch: pytest.MonkeyPatch):
    expected = None
    for chunk in (50, 51, 53, 64, 1000):
        monkeypatch.setattr(postprocess, "CHUNK", chunk)
        rows = blink_rows(blinking, Fraction(1, 30))
        blinks = list(dict.fromkeys(blink for _, blink in rows if blink))
        assert len(blinks) == 300 // 17
        for start, duration, *_ in blinks:
            within = [
                blink[:2] if blink else None for time, blink in rows if start <= time <= start + duration
            ]
            assert within == [(start, duration)] * 4
        expected = blinks if expected is None else expected
        np.testing.assert_allclose(blinks, expected, atol=1e-3)


def test_blinks_begin_on_the_clock_of_the_frames_and_have_depths_up_to_one(blinking: Journal):
    rows = blink_rows(blinking, Fraction(1, 30), neutral=True)
    time, blink = next((time, blink) for time, blink in rows if blink)
    assert time == pytest.approx(2 + 17 / 30)
    assert time - 1 / 30 < blink[0] <= time
    assert blink[2] == 1.0
    assert 0.8 < blink[3] < 1.0
