"""List of photographs with their results."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from waiting import PATIENCE_S, wait_for

from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.pairing import pair
from livefan.live.photographs import Photographs
from livefan.live.result import Result
from livefan.live.session import LiveSession
from livefan.tracking.model_spec import ModelChoice

NAMES = ("anna.jpg", "bert.jpg", "wall.jpg", "zoe.jpg")


def result_of(index: int, faces: list[Face], names: tuple[str, ...] = NAMES) -> Result:
    frame = Frame(np.zeros((2, 2, 3), np.uint8), index, 0.0, 2.0 * index)
    return Result(frame, faces, IBUG_68, "a", "openvino", 0.0, 0.0, 0.01, 0.0, photographs=names)


def test_badges_and_order_by_disagreement(face: Face):
    photographs = Photographs()
    photographs.add(result_of(0, [face], names=()))  # of a recording
    assert photographs.all() == []
    photographs.add(result_of(2, []))
    assert [each.badges for each in photographs.all()] == [(), (), ("no face",), ()]
    other = replace(face, track_id=2, points_px=face.points_px + 500, box_px=face.box_px + 500)
    near, far = (replace(face, points_px=face.points_px + by, box_px=face.box_px + by) for by in (1.0, 4.0))
    photographs.add_pair(pair(result_of(0, [face]), result_of(0, [near])))
    photographs.add_pair(pair(result_of(1, [face, other]), result_of(1, [far, other])))
    first, second, *_ = photographs.all()
    assert second.badges[0] == "2 faces"
    assert first.badges[0].endswith(" % apart")
    photographs.by_disagreement = True
    names = [each.name for each in photographs.all()]
    assert names == ["bert.jpg", "anna.jpg", "wall.jpg", "zoe.jpg"]
    assert [photographs.neighbour(index, 1) for index in range(4)] == [2, 0, 3, None]
    assert photographs.neighbour(1, -1) is None
    version = photographs.version
    photographs.add(result_of(2, []))
    assert photographs.version == version
    photographs.forget_results()
    assert photographs.version > version
    assert [each.n_faces for each in photographs.all()] == [None] * 4
    photographs.clear()
    assert photographs.all() == []


def test_results_may_be_forgotten_while_a_pair_is_added(face: Face):
    """Another thread waits for the lock, and gets it as soon as it is free."""
    photographs = Photographs()
    lock = photographs._lock

    class Awaited:
        def __enter__(self) -> None:
            lock.acquire()

        def __exit__(self, *error: object) -> None:
            lock.release()
            photographs._lock = lock
            photographs.forget_results()

    photographs._lock = cast(threading.Lock, Awaited())
    photographs.add_pair(pair(result_of(0, [face]), result_of(0, [face])))
    assert photographs.all()[0].n_faces is None


@pytest.fixture
def open_images(images: Path):
    """Starts a session on six photographs; its results are in the list returned with it."""
    sessions: list[LiveSession] = []

    def start() -> tuple[LiveSession, list[int]]:
        indices: list[int] = []
        ended = threading.Event()
        session = LiveSession(
            images,
            ModelChoice("mobilefan-half-300w"),
            on_result=lambda result: indices.append(result.frame.index),
            on_end=lambda error: ended.set(),
        )
        sessions.append(session)
        session.start()
        return session, indices

    yield start
    for session in sessions:
        assert session.stop(PATIENCE_S)


@pytest.mark.slow
def test_all_photographs_are_measured_and_the_present_one_returns(
    open_images: Callable[[], tuple[LiveSession, list[int]]],
):
    session, indices = open_images()
    wait_for(lambda: indices == [0])
    session.loop = True
    session.seek(4.0)
    wait_for(lambda: indices[-1] == 2)
    session.measure_all()
    wait_for(lambda: not session.measuring_all and indices[-1] == 2)
    assert indices == [0, 2, 0, 1, 2, 3, 4, 5, 2]
    assert session.paused
    assert session.loop
