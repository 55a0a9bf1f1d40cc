"""Landmarks of new and of uncertain faces."""

from dataclasses import replace

import numpy as np
import pytest

from livefan.core.crop import Crop, upright_crop
from livefan.core.frame import Face
from livefan.runtimes.base import Runtime
from livefan.tracking import landmarker
from livefan.tracking.landmarker import Located, locate, locate_detected


@pytest.mark.parametrize(("centred_score", "chosen"), [(0.725, 1), (0.75, 3)])
def test_landmarks_of_an_uncertain_face_come_from_a_centred_crop_with_a_higher_score(
    photo: np.ndarray,
    face: Face,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    centred_score: float,
    chosen: int,
):
    """The varied crops have the highest score, but their landmarks are never taken."""
    scores = iter((0.7, 0.72, 0.79, centred_score))  # detection, its landmarks, varied crops, around the best
    calls: list[int] = []

    def locate(runtime: Runtime, image: np.ndarray, crops: list[Crop]) -> list[Located]:
        confidence = np.full(68, next(scores))
        calls.append(len(crops))
        return [Located(face.points_px + len(calls), confidence, np.ones(68)) for _ in crops]

    monkeypatch.setattr(landmarker, "locate", locate)
    (located,) = locate_detected(runtime, photo, [upright_crop(face.points_px, runtime.scheme)])
    assert calls == [1, 1, 7, 1]
    assert np.array_equal(located.points_px, face.points_px + chosen + 1)


@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_offset_of_a_face_in_its_crop(photo: np.ndarray, face: Face, runtime: Runtime, angle: float):
    crop = replace(upright_crop(face.points_px, runtime.scheme), angle=angle)
    size_px = float(np.ptp(face.points_px, axis=0).max())
    aside = replace(crop, centre_px=(crop.centre_px[0] + 0.08 * size_px, crop.centre_px[1]))
    in_place, beside = locate(runtime, photo, [crop, aside])
    assert in_place.off_centre < 0.04
    assert beside.off_centre == pytest.approx(0.08, abs=0.03)
