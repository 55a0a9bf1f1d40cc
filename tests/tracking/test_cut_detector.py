from pathlib import Path

import cv2
import numpy as np

from livefan.io.video import VideoSource
from livefan.tracking.cut_detector import CutDetector


def test_frames_of_a_recording_have_no_cut(clip: Path):
    detector = CutDetector()
    with VideoSource(str(clip), clip.name) as source:
        assert not any(detector.update(frame.image) for frame, _ in zip(source, range(60), strict=False))


def test_other_scene_is_a_cut_once(photo: np.ndarray):
    detector = CutDetector()
    other = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    other = cv2.resize(other, photo.shape[1::-1])
    assert [detector.update(image) for image in (photo, photo, other, other)] == [False, False, True, False]


def test_brighter_light_and_noise_are_no_cut(photo: np.ndarray):
    detector = CutDetector()
    detector.update(photo)
    brighter = cv2.convertScaleAbs(photo, alpha=1.4, beta=10)
    noisy = cv2.add(brighter, np.random.default_rng(0).integers(0, 40, photo.shape, np.uint8))
    assert not detector.update(noisy)


def test_state_is_restored_exactly(photo: np.ndarray):
    detector, restored = CutDetector(), CutDetector()
    detector.update(photo)
    restored.restore(detector.as_json())
    assert restored.as_json() == detector.as_json()
    restored.restore(None)
    assert not restored.update(photo)


def test_frames_of_one_colour_have_no_cut():
    detector = CutDetector()
    assert not any(detector.update(np.full((size, size, 3), 9 + size, np.uint8)) for size in (1, 7, 64))


def test_frame_of_one_colour_after_a_picture_is_a_cut(photo: np.ndarray):
    detector = CutDetector()
    assert [detector.update(image) for image in (photo, np.zeros_like(photo))] == [False, True]
