import itertools
import math
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import PATIENCE_S

from livefan.core.boxes import iou
from livefan.core.crop import Crop, upright_crop
from livefan.core.errors import LivefanError
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.detection.detection_to_crop import load_detection_to_crop
from livefan.detection.detector import FULL_RANGE, Detection, FaceDetector
from livefan.io.video import VideoSource
from livefan.runtimes.base import Runtime
from livefan.tracking.landmarker import locate
from livefan.tracking.pipeline import Pipeline

FRAME = 1 / 24


def frames(pictures: list[np.ndarray], start: float = 0.0) -> list[Frame]:
    return [Frame(picture, i, 0.0, start + i * FRAME) for i, picture in enumerate(pictures)]


def blank(like: np.ndarray) -> np.ndarray:
    return np.full_like(like, 90)


def moved(photo: np.ndarray, right: float, down: float = 0.0) -> np.ndarray:
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float64)
    return cv2.warpAffine(photo, matrix, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def two_faces(photo: np.ndarray) -> np.ndarray:
    """The photograph beside its mirror image."""
    return np.hstack([photo, photo[:, ::-1]])


def head(photo: np.ndarray, face: Face, side: int) -> np.ndarray:
    """A square picture of a face with what is around it."""
    crop = upright_crop(face.points_px, IBUG_68, side)
    return replace(crop, side_px=1.25 * crop.side_px).cut(photo)


def paste(picture: np.ndarray, head: np.ndarray, x: int, y: int) -> None:
    """Put a crop of a head on a picture, cut out along an ellipse; parts outside are cut off."""
    side = len(head)
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(mask, (x, y), (int(side * 0.36), int(side * 0.47)), 0, 0, 360, 255, -1)
    there = np.array([[1, 0, x - side / 2], [0, 1, y - side / 2]], np.float64)
    cv2.copyTo(cv2.warpAffine(head, there, picture.shape[1::-1]), mask, picture)


@pytest.fixture(scope="module")
def other_photo(clip: Path) -> np.ndarray:
    """Another frame of the clip, in other light, so that it passes for somebody else."""
    with VideoSource(str(clip), clip.name) as source:
        late = next(frame.image for frame in source if frame.index == 300)
    return np.clip(late[:, ::-1] * np.array([0.5, 0.9, 1.3]), 0, 255).astype(np.uint8)


def test_the_landmarks_agree_with_the_detectors_key_points(pipeline: Pipeline, photo: np.ndarray):
    """Two independent models see the eyes and the mouth at one place, to a tenth of the face's size."""
    (face,) = pipeline.process_image(photo)
    with FaceDetector() as detector:
        (seen,) = detector.detect(photo)
    scheme, size = pipeline.scheme, np.ptp(face.points_px, axis=0).max()
    for part, keypoint in ((scheme.right_eye, 0), (scheme.left_eye, 1), (scheme.mouth, 3)):
        centre = face.points_px[list(part)].mean(axis=0)
        assert np.linalg.norm(centre - seen.keypoints_px[keypoint]) < 0.08 * size
    assert face.confidence.shape == (68,)
    assert face.confidence.min() >= 0
    assert face.confidence.max() <= 1
    assert np.allclose(face.box_px, [*face.points_px.min(axis=0), *face.points_px.max(axis=0)])


def test_the_crop_from_a_detection_is_near_that_of_the_landmarks(pipeline: Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    with FaceDetector() as detector:
        crop = load_detection_to_crop().crop(detector.detect(photo)[0])
    box = face.points_px.min(axis=0), face.points_px.max(axis=0)
    side = 1.25 * (box[1] - box[0]).max()
    assert np.linalg.norm((box[0] + box[1]) / 2 - crop.centre_px) < 0.1 * side
    assert crop.side_px == pytest.approx(side, rel=0.2)


def test_a_mirrored_photo_gives_mirrored_landmarks(pipeline: Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    (mirrored,) = pipeline.process_image(photo[:, ::-1])
    back = mirrored.points_px[pipeline.scheme.mirror_order]
    back[:, 0] = photo.shape[1] - 1 - back[:, 0]
    size = np.ptp(face.points_px, axis=0).max()
    assert np.linalg.norm(back - face.points_px, axis=1).mean() < 0.03 * size


@pytest.mark.slow
def test_face_of_the_bundled_clip_keeps_one_id(pipeline: Pipeline, clip: Path):
    seen = []
    with VideoSource(str(clip), clip.name) as source:
        for frame, _ in zip(source, range(60), strict=False):
            seen.append([face.track_id for face in pipeline.process(frame)])
    assert sum(ids == [1] for ids in seen) >= 59
    assert {track for ids in seen for track in ids} == {1}


@pytest.mark.slow
def test_detector_rests_while_a_face_is_tracked(
    pipeline: Pipeline, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    calls = []
    detect = FaceDetector.detect
    monkeypatch.setattr(FaceDetector, "detect", lambda self, *given: calls.append(1) or detect(self, *given))
    for frame in frames([moved(photo, 2 * i) for i in range(48)]):
        assert len(pipeline.process(frame)) == 1
    assert len(calls) <= 3  # the first frame, and one look a second for further faces


def test_two_faces_keep_their_ids_while_they_move(pipeline: Pipeline, photo: np.ndarray):
    both = two_faces(photo)
    ids = []
    for frame in frames([moved(both, 3 * i) for i in range(10)]):
        faces = pipeline.process(frame)
        ids.append([face.track_id for face in sorted(faces, key=lambda face: face.box_px[0])])
    assert len(ids[0]) == 2
    assert ids == [ids[0]] * 10


def test_number_of_tracked_faces_is_limited_to_max_faces(weights, photo: np.ndarray):
    pipeline = Pipeline(weights, max_faces=1)
    for frame in frames([two_faces(photo)] * 3):
        assert len(pipeline.process(frame)) == 1
    pipeline.close()


def test_lower_max_faces_ends_the_least_certain_tracks(pipeline: Pipeline, photo: np.ndarray):
    blurred = cv2.GaussianBlur(photo[:, ::-1], (0, 0), 4)
    first, *others = frames([np.hstack([blurred, photo])] * 4)
    best = max(pipeline.process(first), key=lambda face: face.face_score)
    assert best.box_px[0] > photo.shape[1]
    assert len(pipeline.process(others[0])) == 2
    pipeline.max_faces = 1
    for frame in others[1:]:
        assert [face.track_id for face in pipeline.process(frame)] == [best.track_id]


def beside(found: Detection, right: float) -> Detection:
    """A detection that is surer, of what lies further to the right."""
    shift = np.array([right, 0])
    box, keypoints = found.box_px + np.tile(shift, 2), found.keypoints_px + shift
    return replace(found, box_px=box, keypoints_px=keypoints, score=found.score + 1)


def test_false_detections_use_none_of_the_places_for_faces(
    runtime: Runtime, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    wide, detect = np.hstack([photo, blank(photo)]), FaceDetector.detect

    def fooled(self: FaceDetector, *given: object) -> list[Detection]:
        (found,) = detect(self, *given)
        return [beside(found, photo.shape[1]), found]

    monkeypatch.setattr(FaceDetector, "detect", fooled)
    pipeline = Pipeline(runtime, max_faces=1)
    (face,) = pipeline.process(Frame(wide, 0, 0.0, 0.0))
    pipeline.close()
    assert face.box_px[2] < photo.shape[1]


@pytest.mark.parametrize("background", [False, True])
def test_false_detection_of_one_model_hides_no_face_of_the_other(
    runtime: Runtime, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch, background: bool
):
    # Private: only the models' own detections show which model a detection comes from.
    wide, find = np.hstack([photo, blank(photo)]), FaceDetector._find

    def fooled(self: FaceDetector, name: str, *images: np.ndarray) -> list[Detection]:
        (found,) = find(self, name, *images)
        return [found if name == FULL_RANGE else beside(found, photo.shape[1])]

    monkeypatch.setattr(FaceDetector, "_find", fooled)
    monkeypatch.setattr("livefan.tracking.detection_schedule.DetectionSchedule.search", lambda *given: [])
    pipeline = Pipeline(runtime, max_faces=1, background=background)
    counts = [len(pipeline.process(frame)) for frame in frames([wide] * 2)]
    pipeline.close()
    assert counts == [0, 1]


def test_face_that_returns_soon_gets_its_former_id(pipeline: Pipeline, photo: np.ndarray):
    pictures = [photo] * 3 + [blank(photo)] * 5 + [moved(photo, 10)] * 3
    ids = [[face.track_id for face in pipeline.process(frame)] for frame in frames(pictures)]
    assert ids == [[1]] * 3 + [[]] * 5 + [[1]] * 3


def test_track_that_left_its_face_is_corrected(pipeline: Pipeline, photo: np.ndarray):
    """The face is suddenly most of its size away: within five frames it is followed there, the same one."""
    wide = np.hstack([photo, blank(photo)])
    pipeline_frames = frames([wide] * 3 + [np.hstack([blank(photo), photo])] * 5)
    ids = [[face.track_id for face in pipeline.process(frame)] for frame in pipeline_frames]
    assert ids[2] == [1]
    (face,) = pipeline.process(Frame(pipeline_frames[-1].image, 8, 0.0, 8 * FRAME))
    assert face.track_id == 1
    assert face.box_px[0] > photo.shape[1] / 2


def test_unexpectedly_moved_face_is_measured_again_at_its_new_place(runtime: Runtime, photo: np.ndarray):
    """Of a crop about where it was, its edge would be cut off."""
    pipeline = Pipeline(runtime, smoothing=0.0)
    still = frames([photo] * 3)
    for frame in still:
        (before,) = pipeline.process(frame)
    shift = round(0.12 * float((before.box_px[2:] - before.box_px[:2]).max()))
    (after,) = pipeline.process(Frame(moved(photo, shift), 3, 0.0, 3 * FRAME))
    pipeline.close()
    size = np.ptp(before.points_px, axis=0).max()
    assert np.linalg.norm(after.points_px - before.points_px - (shift, 0), axis=1).mean() < 0.006 * size


def test_face_that_outgrows_its_crop_gets_a_larger_crop(runtime: Runtime, photo: np.ndarray):
    """As it does that comes nearer at once, or raises its brows; its middle stays where it was."""
    pipeline = Pipeline(runtime, smoothing=0.0)
    (before,) = pipeline.process(Frame(photo, 0, 0.0, 0.0))
    low, high = before.points_px.min(axis=0), before.points_px.max(axis=0)
    grow = np.array([[1.14, 0, 0], [0, 1.14, 0]])
    grow[:, 2] = -0.14 * (low + high) / 2
    grown = cv2.warpAffine(photo, grow, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    (after,) = pipeline.process(Frame(grown, 1, 0.0, FRAME))
    pipeline.close()
    expected = before.points_px @ grow[:, :2].T + grow[:, 2]
    size = np.ptp(expected, axis=0).max()
    assert np.linalg.norm(after.points_px - expected, axis=1).mean() < 0.007 * size


def test_a_hand_across_a_face_does_not_lose_it(pipeline: Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    left, top, right, bottom = face.box_px.astype(int)
    palm = photo[(top + bottom) // 2, left + (right - left) // 4]
    pictures = []
    for step in range(12):
        picture = photo.copy()
        edge = left + (right - left) * step // 8
        cv2.ellipse(picture, (edge, bottom - 20), (45, 60), 20, 0, 360, palm.tolist(), -1)
        pictures.append(picture)
    ids = [[face.track_id for face in pipeline.process(frame)] for frame in frames(pictures)]
    assert ids == [ids[0]] * 12
    assert len(ids[0]) == 1


@pytest.mark.slow
def test_two_faces_that_cross_keep_their_ids(pipeline: Pipeline, photo: np.ndarray, other_photo: np.ndarray):
    (face,), (other,) = pipeline.process_image(photo), pipeline.process_image(other_photo)
    front, back = (head(photo, face, 200), head(other_photo, other, 170))
    pictures = []
    for step in range(28):
        picture = np.full((360, 640, 3), 90, np.uint8)
        paste(picture, back, 510 - 14 * step, 180)
        paste(picture, front, 130 + 14 * step, 180)
        pictures.append(picture)

    def left_to_right(frame: Frame) -> list[int]:
        return [each.track_id for each in sorted(pipeline.process(frame), key=lambda each: each.box_px[0])]

    seen = [left_to_right(frame) for frame in frames(pictures)]
    assert len(seen[2]) == 2
    assert seen[-1] == seen[2][::-1]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_sideways_or_upside_down_face_is_found_and_tracked(
    pipeline: Pipeline, photo: np.ndarray, quarters: int
):
    """As when a phone is held sideways: found within a second, with the landmarks of the upright photo."""
    (upright,) = pipeline.process_image(photo)
    turned = np.ascontiguousarray(np.rot90(photo, -quarters))
    pipeline.reset()
    shown = [pipeline.process(Frame(turned, i, 0.0, i * 0.05)) for i in range(16)]
    assert [len(found) for found in shown[-3:]] == [1, 1, 1]
    expected = upright.points_px
    size = photo.shape[1::-1]
    for _ in range(quarters):
        expected = np.column_stack([size[1] - 1 - expected[:, 1], expected[:, 0]])
        size = size[::-1]
    face_size = np.ptp(expected, axis=0).max()
    for face in [face for found in shown for face in found]:  # from the first frame that shows it
        assert np.linalg.norm(face.points_px - expected, axis=1).mean() < 0.03 * face_size


def test_state_of_the_tracks_is_restored_exactly(runtime: Runtime, photo: np.ndarray):
    """Two pipelines, one of them restored half way, find the same on all later frames."""
    pictures = frames([moved(photo, 6 * i) for i in range(6)])
    whole, halves = Pipeline(runtime, smoothing=0), Pipeline(runtime, smoothing=0)
    found = [whole.process(frame) for frame in pictures]
    for frame in pictures[:3]:
        halves.process(frame)
    rest = Pipeline(runtime, smoothing=0)
    rest.restore(halves.state())
    for frame, expected in zip(pictures[3:], found[3:], strict=True):
        assert np.array_equal(rest.process(frame)[0].points_px, expected[0].points_px)
    for made in (whole, halves, rest):
        made.close()


@pytest.mark.slow
def test_face_after_a_long_absence_gets_a_new_id(pipeline: Pipeline, photo: np.ndarray):
    pictures = [photo] * 2 + [blank(photo)] * 60 + [photo]
    ids = [[face.track_id for face in pipeline.process(frame)] for frame in frames(pictures)]
    assert ids[0] == [1]
    assert ids[-1] == [2]


@pytest.mark.slow
def test_second_face_is_found_within_a_second(pipeline: Pipeline, photo: np.ndarray):
    alone = np.hstack([photo, blank(photo)])
    counts = [len(pipeline.process(frame)) for frame in frames([alone] * 5 + [two_faces(photo)] * 26)]
    assert counts[:5] == [1] * 5
    assert counts[-1] == 2


def test_faces_are_tracked_while_the_detector_runs_in_the_background(
    runtime: Runtime, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    pipeline = Pipeline(runtime, background=True, detect_every=0.2)
    detect, go_on, done = FaceDetector.detect, threading.Event(), threading.Event()

    def slow(self: FaceDetector, image: np.ndarray, enough: int) -> list[Detection]:
        found = detect(self, image, enough)
        go_on.wait(PATIENCE_S)
        done.set()
        return found

    alone, both = np.hstack([photo, blank(photo)]), two_faces(photo)
    assert len(pipeline.process(Frame(alone, 0, 0.0, 0.0))) == 1
    monkeypatch.setattr(FaceDetector, "detect", slow)
    pictures = [moved(both, 2 * i) for i in range(12)]
    before = [len(pipeline.process(frame)) for frame in frames(pictures, start=0.1)]
    go_on.set()
    assert done.wait(PATIENCE_S)
    pipeline._schedule._pending.result(PATIENCE_S)  # private: nothing else shows that the thread has finished
    after = [len(pipeline.process(frame)) for frame in frames([pictures[-1]] * 2, start=1.0)]
    pipeline.close()
    assert before == [1] * 12
    assert after == [2, 2]


def test_background_detection_of_the_former_source_is_discarded(runtime: Runtime, photo: np.ndarray):
    pipeline = Pipeline(runtime, background=True, detect_every=0.0)
    for frame in frames([photo] * 3):
        pipeline.process(frame)
    assert pipeline.process_image(blank(photo)) == []
    assert len(pipeline.process_image(photo)) == 1
    pipeline.close()


@pytest.mark.parametrize("factor", [3, 6])
def test_landmarks_of_a_large_frame_equal_those_of_a_small_one(
    pipeline: Pipeline, photo: np.ndarray, factor: int
):
    """To a hundredth of its size: pixel centres lie at integers, so a factor moves them by half of it."""
    (small,) = pipeline.process_image(photo)
    (large,) = pipeline.process_image(cv2.resize(photo, None, fx=factor, fy=factor))
    back = (large.points_px + 0.5) / factor - 0.5
    size = np.ptp(small.points_px, axis=0).max()
    assert np.linalg.norm(back - small.points_px, axis=1).mean() < 0.01 * size


def test_face_is_right_and_keeps_its_id_when_the_size_of_the_frames_changes(
    runtime: Runtime, photo: np.ndarray
):
    with Pipeline(runtime, smoothing=0.0) as pipeline:
        for frame in frames([photo] * 3):
            (before,) = pipeline.process(frame)
        restored = Pipeline(runtime, smoothing=0.0)
        restored.restore(pipeline.state())
        larger = Frame(cv2.resize(photo, None, fx=1.5, fy=1.5), source_time=3 * FRAME)
        (after,) = pipeline.process(larger)
        (same,) = restored.process(larger)
        restored.close()
    back = replace(after, points_px=(after.points_px + 0.5) / 1.5 - 0.5)
    assert relative_error(back, before, 0, 0) < 0.04
    assert after.track_id == same.track_id == before.track_id
    assert np.array_equal(after.points_px, same.points_px)


def test_earlier_time_means_a_new_source_whose_ids_start_at_one(pipeline: Pipeline, photo: np.ndarray):
    for time in (100.0, 0.0):
        (face,) = pipeline.process(Frame(photo, source_time=time))
        assert face.track_id == 1


@pytest.mark.parametrize("background", [False, True])
def test_face_that_moved_during_a_pause_is_detected_anew(
    runtime: Runtime, photo: np.ndarray, background: bool, monkeypatch: pytest.MonkeyPatch
):
    """After 0.4 s without a frame, the tracked place is stale."""
    calls, detect = [], FaceDetector.detect
    monkeypatch.setattr(FaceDetector, "detect", lambda self, *given: calls.append(1) or detect(self, *given))
    with Pipeline(runtime, smoothing=0.0, background=background) as pipeline:
        for frame in frames([photo] * 3):
            (before,) = pipeline.process(frame)
        calls.clear()
        pipeline.process(Frame(photo, source_time=0.5))
        assert len(calls) == 1  # although the face is where it was
        shift = round(-0.6 * (before.box_px[2] - before.box_px[0]))
        (after,) = pipeline.process(Frame(moved(photo, shift), source_time=1.0))
    assert relative_error(after, before, shift, 0) < 0.04
    assert after.track_id == before.track_id


def test_face_that_jumps_by_half_its_size_is_right_on_the_first_frame(runtime: Runtime, photo: np.ndarray):
    with Pipeline(runtime, smoothing=0.0) as pipeline:
        for frame in frames([photo] * 3):
            (before,) = pipeline.process(frame)
        shift = round(-0.5 * (before.box_px[2] - before.box_px[0]))
        (after,) = pipeline.process(Frame(moved(photo, 0, shift), source_time=3 * FRAME))
    assert relative_error(after, before, 0, shift) < 0.04
    assert after.track_id == before.track_id


def relative_error(after: Face, before: Face, right: float, down: float) -> float:
    """Mean distance from the landmarks before, shifted, over the distance of the outer eye corners."""
    eyes = np.linalg.norm(before.points_px[45] - before.points_px[36])
    return float(np.linalg.norm(after.points_px - before.points_px - (right, down), axis=1).mean() / eyes)


def test_person_after_a_cut_gets_an_id_of_his_own_and_the_first_person_keeps_his(
    pipeline: Pipeline, photo: np.ndarray, other_photo: np.ndarray
):
    """The other face takes the place of the first, in front of another background."""
    (face,), (other,) = pipeline.process_image(photo), pipeline.process_image(other_photo)
    colours = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    scene = cv2.resize(colours, photo.shape[1::-1])
    x, y = ((face.box_px[:2] + face.box_px[2:]) / 2).astype(int)
    paste(scene, head(other_photo, other, 220), int(x), int(y))
    pictures = [*[photo] * 4, *[scene] * 4, *[photo] * 4]
    ids = [[face.track_id for face in pipeline.process(frame)] for frame in frames(pictures)]
    assert ids == [[1]] * 4 + [[2]] * 4 + [[1]] * 4


@pytest.mark.slow
def test_landmarks_below_the_face_score_of_a_face_are_not_returned(pipeline: Pipeline, photo: np.ndarray):
    """The face fades into a blurred picture."""
    stages = [photo, *(cv2.GaussianBlur(photo, (0, 0), sigma) for sigma in (20, 40))]
    pictures = [
        cv2.addWeighted(one, 1 - step / 20, other, step / 20, 0)
        for one, other in itertools.pairwise(stages)
        for step in range(20)
    ]
    found = [pipeline.process(frame) for frame in frames(pictures)]
    assert len(found[0]) == 1
    assert all(face.face_score >= 0.6 for faces in found for face in faces)
    assert found[-1] == []


@pytest.mark.slow
def test_smoothing_may_change_in_strength_at_any_time(pipeline: Pipeline, photo: np.ndarray):
    rng = np.random.default_rng(0)
    noisy = [np.clip(photo + rng.normal(0, 12, photo.shape), 0, 255).astype(np.uint8) for _ in range(24)]

    def jitter(smoothing: float) -> float:
        pipeline.smoothing = smoothing
        points = [pipeline.process(frame)[0].points_px for frame in frames(noisy)]
        return float(np.std(points[8:], axis=0).mean())

    raw, usual, strong = jitter(0.0), jitter(0.5), jitter(0.9)
    assert usual < 0.4 * raw
    assert strong < usual


def test_no_face_is_found_in_images_without_faces(pipeline: Pipeline, photo: np.ndarray):
    assert pipeline.process_image(blank(photo)) == []
    assert pipeline.process_image(np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)) == []


@pytest.mark.parametrize(
    "unusual",
    [
        lambda photo: photo[..., 0],
        lambda photo: photo[..., :1],
        lambda photo: cv2.cvtColor(photo, cv2.COLOR_BGR2BGRA),
        lambda photo: photo.astype(np.uint16) * 257,
        np.asfortranarray,
        lambda photo: photo[:, ::-1],
    ],
    ids=["grey", "one channel", "alpha", "16 bits", "column order", "negative stride"],
)
def test_unusual_images_are_handled(pipeline: Pipeline, photo: np.ndarray, unusual):
    assert len(pipeline.process_image(unusual(photo))) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (16, 16)])
def test_tiny_images_hold_no_face(pipeline: Pipeline, size: tuple[int, int]):
    assert pipeline.process_image(np.zeros((*size, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"smoothing": 5}, "smoothing=5: pass a number from 0 to 1"),
        ({"smoothing": "strong"}, "smoothing='strong': pass a number from 0 to 1"),
        ({"smoothing": math.nan}, "smoothing=nan: pass a number from 0 to 1"),
        ({"max_faces": -1}, "max_faces=-1: pass an integer of at least 1"),
        ({"max_faces": 2.5}, "max_faces=2.5: pass an integer of at least 1"),
        ({"detect_every": -0.1}, "detect_every=-0.1: pass a number of at least 0"),
        ({"weights": 5}, "weights=5: pass a str or Path or Runtime"),
        ({"smoother": 0.5}, "smoother=0.5: pass a SmootherSettings or None"),
        ({"background": "yes"}, "background='yes': pass a bool"),
        ({"runtime": "openvino"}, "runtime='openvino': pass a RuntimeChoice or None"),
        ({"heads": "expressions"}, "heads='expressions': pass some of ('expressions', 'reliability')"),
        ({"heads": ["gaze"]}, "heads=['gaze']: pass some of ('expressions', 'reliability')"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_arguments_give_an_error_that_names_them(arguments: dict[str, object], message: str):
    with pytest.raises(LivefanError) as error:
        Pipeline(**arguments)
    assert str(error.value) == message


def test_landmarks_do_not_depend_on_the_heads_that_run(photo: np.ndarray):
    faces = []
    for heads in (None, ()):
        with Pipeline("mobilefan-half-300w", heads=heads) as pipeline:
            faces.append(*pipeline.process_image(photo))
    with_all, none = faces
    assert np.array_equal(none.points_px, with_all.points_px)
    assert with_all.gaze is not None
    assert none.expressions is none.gaze is none.pupils_px is none.occluded is none.presence is None
    assert none.sigma_px is None  # of these weights it rests on the reliability head


def test_wrong_strength_of_smoothing_is_refused_later_too(pipeline: Pipeline):
    with pytest.raises(LivefanError, match="smoothing=-1"):
        pipeline.smoothing = -1
    assert pipeline.smoothing == 0.5


def test_image_instead_of_a_frame_gives_an_error_with_advice(pipeline: Pipeline, photo: np.ndarray):
    with pytest.raises(LivefanError, match="process_image"):
        pipeline.process(photo)


def test_frames_without_times_are_tracked(pipeline: Pipeline, photo: np.ndarray):
    ids = [[face.track_id for face in pipeline.process(Frame(photo, index))] for index in range(3)]
    assert ids == [[1]] * 3


def test_blurred_face_has_a_larger_sigma_in_image_pixels(
    pipeline: Pipeline, runtime: Runtime, photo: np.ndarray
):
    (face,) = pipeline.process_image(photo)
    crop = upright_crop(face.points_px, runtime.scheme)
    (sharp,) = locate(runtime, photo, [crop])
    (blurred,) = locate(runtime, cv2.GaussianBlur(photo, (0, 0), crop.side_px / 20), [crop])
    assert np.median(blurred.sigma_px / sharp.sigma_px) > 1.2
    doubled = Crop(tuple(2 * c + 0.5 for c in crop.centre_px), 2 * crop.side_px, crop.angle)
    (larger,) = locate(runtime, cv2.resize(photo, None, fx=2, fy=2), [doubled])
    assert np.median(larger.sigma_px / sharp.sigma_px) == pytest.approx(2, rel=0.1)


def test_intersection_over_union_of_hand_computed_boxes():
    box = np.array([0.0, 0.0, 10.0, 10.0])
    assert iou(box, box) == 1.0
    assert iou(box, box + np.array([5, 0, 5, 0])) == pytest.approx(50 / 150)
    assert iou(box, box + 10) == 0.0
