from pathlib import Path

import cv2
import numpy as np

from livefan.io.video import VideoSource
from livefan.tracking.cut_detector import OTHER_SCENE, PERHAPS_OTHER_SCENE, CutDetector


def test_frames_of_a_recording_have_no_cut(clip: Path):
    detector = CutDetector()
    with VideoSource(str(clip), clip.name) as source:
        similar = [detector.update(frame.image) for frame, _ in zip(source, range(60), strict=False)]
    assert min(similar) > PERHAPS_OTHER_SCENE


def test_other_scene_is_a_cut_once(photo: np.ndarray):
    detector = CutDetector()
    other = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    other = cv2.resize(other, photo.shape[1::-1])
    similar = [detector.update(image) for image in (photo, photo, other, other)]
    assert [each < OTHER_SCENE for each in similar] == [False, False, True, False]


def test_brighter_light_and_noise_are_no_cut(photo: np.ndarray):
    detector = CutDetector()
    detector.update(photo)
    brighter = cv2.convertScaleAbs(photo, alpha=1.4, beta=10)
    noisy = cv2.add(brighter, np.random.default_rng(0).integers(0, 40, photo.shape, np.uint8))
    assert detector.update(noisy) > PERHAPS_OTHER_SCENE


def test_state_is_restored_exactly(photo: np.ndarray):
    detector, restored = CutDetector(), CutDetector()
    detector.update(photo)
    restored.restore(detector.as_json())
    assert restored.as_json() == detector.as_json()
    restored.restore(None)
    assert restored.update(photo) == 1.0


def test_frames_of_one_colour_have_no_cut():
    detector = CutDetector()
    similar = [detector.update(np.full((size, size, 3), 9 + size, np.uint8)) for size in (1, 7, 64)]
    assert min(similar) == 1.0


def test_frame_of_one_colour_after_a_picture_is_a_cut(photo: np.ndarray):
    detector = CutDetector()
    detector.update(photo)
    assert detector.update(np.zeros_like(photo)) < OTHER_SCENE
