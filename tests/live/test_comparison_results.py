"""Distances between two models, kept by frame."""

from dataclasses import replace

import numpy as np
import pytest

from livefan.core.agreement import Disagreement
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.comparison_results import ComparisonResults
from livefan.live.pairing import pair
from livefan.live.result import Pair, Result


def pair_of(index: int, distance: float, epoch: int = 0) -> Pair:
    frame = Frame(np.zeros((2, 2, 3), np.uint8), index, 0.0, 2.0 * index)
    result = Result(frame, [], IBUG_68, "a", "made", 0.0, 0.0, 0.01, 0.0, epoch)
    return Pair(result, result, (Disagreement(index, 2.0 * index, 1, np.full(68, distance)),))


def test_frame_that_is_seen_again_counts_once_in_the_median():
    results = ComparisonResults()
    for index, distance in enumerate((1.0, 2.0, 3.0)):
        results.add(pair_of(index, distance, epoch=index))
    for epoch in range(3, 6):
        results.add(pair_of(2, 9.0, epoch))
    overall, by_region = results.median(IBUG_68)
    assert overall == pytest.approx(2.0)
    assert by_region["jaw"] == pytest.approx(2.0)
    for epoch in range(6, 9):
        results.add(pair_of(0, 9.0, epoch))
    assert results.median(IBUG_68)[0] == pytest.approx(9.0)


def faces_pair(
    photo: np.ndarray, face: Face, by_px: float, *, index: int = 0, epoch: int = 0, finished_at: float = 0.0
) -> Pair:
    """Return a pair of one face, on which the first model is ``by_px`` pixels right of the second."""
    moved = replace(face, points_px=face.points_px + np.array([by_px, 0.0]), box_px=face.box_px + by_px)
    frame = Frame(photo, index, 0.0, index / 25)
    first, second = (
        Result(frame, [each], IBUG_68, label, "made", 0.5, 0.0, 0.01, finished_at, epoch)
        for each, label in ((moved, "a"), (face, "b"))
    )
    return pair(first, second)


def test_jump_to_a_worst_disagreement_shows_its_landmarks_on_the_new_frame(photo: np.ndarray, face: Face):
    results = ComparisonResults()
    before = [results.add(faces_pair(photo, face, by, index=index)) for index, by in enumerate((1.0, 4.0))]
    named = results.worst[0]
    expressions = np.zeros(52, np.float32)
    measured = faces_pair(photo, replace(face, track_id=7, expressions=expressions), 2.0, index=1, epoch=1)
    shown = results.add(measured)
    assert shown.disagreements[0].overall == named.overall
    for side, kept in ((shown.first, before[1].first), (shown.second, before[1].second)):
        assert side.faces[0].points_px.tolist() == kept.faces[0].points_px.tolist()
        assert side.faces[0].track_id == 7
        assert side.faces[0].expressions is expressions
        assert side.epoch == 1
        assert side.frame.image is photo
    assert results.worst == [named]
    assert results.add(measured).disagreements[0].overall == named.overall  # as for added heatmaps


def test_frame_that_is_processed_again_after_a_jump_shows_its_new_landmarks(photo: np.ndarray, face: Face):
    results = ComparisonResults()
    for index, by in enumerate((1.0, 4.0)):
        results.add(faces_pair(photo, face, by, index=index))
    results.add(faces_pair(photo, face, 2.0, index=1, epoch=1, finished_at=1.0))
    again = faces_pair(photo, face, 3.0, index=1, epoch=1, finished_at=2.0)
    assert results.add(again) is again


def test_jump_to_another_frame_shows_what_is_measured_there(photo: np.ndarray, face: Face):
    results = ComparisonResults()
    for index, by in enumerate((1.0, 4.0)):
        results.add(faces_pair(photo, face, by, index=index))
    results.add(faces_pair(photo, face, 0.5, index=5, epoch=1))
    measured = faces_pair(photo, face, 2.0, index=0, epoch=2)
    assert results.add(measured) is measured


def test_face_that_is_lost_after_the_jump_is_shown_beside_the_others(photo: np.ndarray, face: Face):
    away = replace(face, track_id=2, points_px=face.points_px + 500, box_px=face.box_px + 500)
    results = ComparisonResults()
    results.add(faces_pair(photo, face, 1.0))
    both = faces_pair(photo, face, 4.0, index=1)
    first, second = (replace(each, faces=[away, *each.faces]) for each in (both.first, both.second))
    results.add(pair(first, second))
    shown = results.add(faces_pair(photo, face, 2.0, index=1, epoch=1))
    assert [each.track_id for each in shown.first.faces] == [2, 1]
    assert len(shown.disagreements) == 2
