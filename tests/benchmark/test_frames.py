from fractions import Fraction
from pathlib import Path

import numpy as np
from clips import moved, read_pictures, shrunk

from livefan.benchmark.frames import crowd, fit, repeat_video, rewritten, there_and_back, write_frames
from livefan.core.frame import Frame
from livefan.tracking.pipeline import Pipeline


def test_rewritten_frame_is_a_copy(photo: np.ndarray):
    frame = Frame(photo, 3, 1.0, 2.0)
    made = rewritten(frame)
    assert np.array_equal(made.image, photo)
    assert not np.shares_memory(made.image, photo)
    assert (made.index, made.captured_at, made.source_time) == (3, 1.0, 2.0)


def test_fit_scales_and_centres():
    fitted = fit(np.full((10, 20, 3), 200, np.uint8), 80, 80)
    assert fitted.shape == (80, 80, 3)
    assert (fitted[20:60] == 200).all()
    assert not fitted[:20].any()
    assert not fitted[60:].any()


def test_there_and_back_has_rising_timestamps(photo: np.ndarray):
    frames = [Frame(photo, i, 0.0, i / 24) for i in range(3)]
    long = there_and_back(frames, 8)
    assert [frame.index for frame in long] == [0, 1, 2, 1, 0, 1, 2, 1]
    assert (np.diff([frame.source_time for frame in long]) > 0).all()
    assert long[3].image is frames[1].image


def test_repeated_video_goes_on_at_the_frame_rate(tmp_path: Path, photo: np.ndarray):
    once, repeated = tmp_path / "once.mp4", tmp_path / "repeated.mp4"
    small = shrunk(photo)
    write_frames(once, [Frame(moved(small, 3 * n), n) for n in range(4)])
    repeat_video(once, 4 / 25, 3, repeated)
    pictures, times = read_pictures(repeated)
    assert times == [Fraction(n, 25) for n in range(12)]
    assert np.array_equal(pictures[:4], pictures[8:])


def test_every_face_of_a_crowd_is_tracked(pipeline: Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    side = 2 * float((face.box_px[2:] - face.box_px[:2]).max())
    (frame,) = crowd([Frame(photo, 0, 0.0, 0.0)], face.points_px.mean(axis=0), side, 10)
    pipeline.max_faces = 10
    assert len(pipeline.process_image(frame.image)) == 10
