import numpy as np

from livefan.benchmark.frames import crowd, fit, rewritten, there_and_back
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


def test_every_face_of_a_crowd_is_tracked(pipeline: Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    side = 2 * float((face.box_px[2:] - face.box_px[:2]).max())
    (frame,) = crowd([Frame(photo, 0, 0.0, 0.0)], face.points_px.mean(axis=0), side, 10)
    pipeline.max_faces = 10
    assert len(pipeline.process_image(frame.image)) == 10
