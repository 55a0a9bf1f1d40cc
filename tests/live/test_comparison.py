"""Two models in a session: preparation, every frame, the same model twice, and kept results."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest
from numbered import Numbered
from waiting import PATIENCE_S, wait_for

from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.pairing import pair
from livefan.live.playback_speed import PlaybackSpeed
from livefan.live.render import Shown, render
from livefan.live.result import Pair, Result
from livefan.live.session import LiveSession
from livefan.live.statistics import Gauges
from livefan.live.view_state import Layout, View
from livefan.live.worker import Model
from livefan.runtimes.openvino_runtime import OpenVinoRuntime
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline

FIRST = ModelChoice("mobilefan-half-300w", runtime="openvino", precision="float32")
RAW = replace(FIRST, raw=True)
N_FRAMES = 8


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray) -> Path:
    """A folder with frames of one face that moves to the right."""
    folder = tmp_path_factory.mktemp("images")
    for index in range(N_FRAMES):
        cv2.imwrite(str(folder / f"{index}.png"), np.roll(photo, 3 * index, axis=1))
    return folder


class Compared:
    """A session of two models, its statistics, and its callbacks in their order."""

    def __init__(
        self, source: str | Path | int, first: ModelChoice, second: ModelChoice | None, **how
    ) -> None:
        self.gauges = Gauges()
        self.events: list[str | Result] = []
        self.pairs: list[Pair] = []
        self.ended = threading.Event()
        self.session = LiveSession(
            source,
            first,
            second,
            sequence=True,
            on_result=self._add_result,
            on_second=lambda result: self.gauges.see(1, result),
            on_pair=self._add_pair,
            on_status=self.events.append,
            on_end=lambda error: self.ended.set(),
            **how,
        )

    def _add_result(self, result: Result) -> None:
        self.events.append(result)
        self.gauges.see(0, result)

    def _add_pair(self, both: Pair) -> None:
        self.pairs.append(both)
        self.gauges.see_pair(both)

    @property
    def results(self) -> list[Result]:
        return [event for event in self.events if isinstance(event, Result)]

    @property
    def messages(self) -> list[str]:
        return [event for event in self.events if isinstance(event, str)]


@pytest.fixture
def compare() -> Iterator[Callable[..., Compared]]:
    """Starts sessions; stops them at the end of the test."""
    started: list[Compared] = []

    def start(*arguments, **how) -> Compared:
        started.append(Compared(*arguments, **how))
        started[-1].session.start()
        return started[-1]

    yield start
    for compared in started:
        compared.session.stop(timeout=PATIENCE_S)
        assert compared.ended.wait(PATIENCE_S)


def at_end(compared: Compared) -> Callable[[], bool]:
    return lambda: compared.session.at_end


@pytest.mark.slow
def test_both_models_are_prepared_before_the_first_frame(compare: Callable[..., Compared], images: Path):
    compared = compare(images, FIRST, RAW)
    wait_for(at_end(compared))
    before = compared.events[: compared.events.index(compared.results[0])]
    first = f"Preparing {FIRST.label} (1 of 2)"
    second = f"Preparing {RAW.label} (2 of 2)"
    assert before.index(first) < before.index(second)
    assert before[-1] == ""


def test_message_of_a_loading_model_names_it_once():
    def pipeline(log: Callable[[str], None], **how) -> SimpleNamespace:
        log("preparing teacher-300w for openvino float32; only the first time")
        log("reading the file")
        return SimpleNamespace(warm_up=lambda: None)

    messages: list[str] = []
    choice = SimpleNamespace(label="teacher-300w@openvino", pipeline=pipeline)
    model = Model(cast(ModelChoice, choice), 1, messages.append)
    model.place = "(2 of 2)"
    model.prepare()
    assert messages == [
        "Preparing teacher-300w@openvino (2 of 2)",
        "Preparing teacher-300w@openvino (2 of 2) for openvino float32; only the first time",
        "Preparing teacher-300w@openvino (2 of 2): reading the file",
        "",
    ]


@pytest.mark.parametrize(("photographs", "kept"), [((), True), (("a.png", "b.png"), False)])
def test_neutral_expression_is_kept_after_a_jump_but_not_for_another_photograph(
    photographs: tuple[str, ...], kept: bool
):
    face = Face(1, np.zeros(4), np.zeros((68, 2)), np.ones(68), expressions=np.full(50, 0.5, np.float32))
    pipeline = SimpleNamespace(
        process=lambda image: [face],
        process_image=lambda image: [face],
        scheme=IBUG_68,
        ran_by="made",
        heads=frozenset(),
        max_faces=1,
    )
    pipeline.reset = pipeline.warm_up = pipeline.close = lambda: None
    pipeline.want_heads = lambda heads: None
    choice = SimpleNamespace(
        label="made", spec="made", raw=True, is_external=False, pipeline=lambda **how: pipeline
    )
    model = Model(cast(ModelChoice, choice), 1, lambda text: None)
    model.photographs = photographs
    model.neutral.request()
    frames = [Frame(np.zeros((8, 8, 3), np.uint8), index, 2.0 * index) for index in range(3)]
    assert [model.process(frame, 0).neutral for frame in frames[:2]] == [True, True]
    result = model.process(frames[2], 1)
    assert result.neutral is kept
    assert result.faces[0].expressions is not None
    assert result.faces[0].expressions[0] == (0.0 if kept else 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("every_frame", "lowered"), [(True, False), (False, True)])
def test_models_that_wait_for_each_other_have_the_same_priority(
    compare: Callable[..., Compared], every_frame: bool, lowered: bool, monkeypatch: pytest.MonkeyPatch
):
    given: list[int] = []
    monkeypatch.setattr("livefan.live.worker.lower_priority", given.append)
    monkeypatch.setattr(
        "livefan.live.session.open_source", lambda *source, **how: Numbered(N_FRAMES, live=True)
    )
    compared = compare(0, FIRST, RAW, every_frame=every_frame)
    wait_for(lambda: any("(2 of 2)" in text for text in compared.messages))
    assert bool(given) is lowered


@pytest.mark.slow
def test_time_of_the_first_frame_does_not_include_the_warm_up(
    compare: Callable[..., Compared], images: Path, monkeypatch: pytest.MonkeyPatch
):
    """The first run of each network takes an hour, by a clock that the test moves."""
    run, hour_s = OpenVinoRuntime.run, 3600.0
    warm: set[int] = set()

    def run_slowly_once(self: OpenVinoRuntime, crops: np.ndarray) -> np.ndarray:
        warm.add(id(self))
        return run(self, crops)

    clock = SimpleNamespace(perf_counter=lambda: time.perf_counter() + hour_s * len(warm))
    monkeypatch.setattr("livefan.live.worker.time", clock)
    monkeypatch.setattr(OpenVinoRuntime, "run", run_slowly_once)
    compared = compare(images, FIRST, RAW)
    wait_for(at_end(compared))
    assert len(warm) == 2
    assert compared.pairs[0].first.seconds < hour_s
    assert compared.pairs[0].second.seconds < hour_s


@pytest.mark.slow
def test_every_frame_of_a_recording_is_compared_however_slow_the_second_model_is(
    compare: Callable[..., Compared], images: Path, monkeypatch: pytest.MonkeyPatch
):
    process = Pipeline.process

    def slow_second(self: Pipeline, frame: Frame) -> list[Face]:
        if threading.current_thread().name == "livefan-second":
            time.sleep(0.15)
        return process(self, frame)

    monkeypatch.setattr(Pipeline, "process", slow_second)
    compared = compare(images, FIRST, RAW)
    speeds: list[float] = []
    wait_for(lambda: speeds.append(compared.session.speed or 0.0) or compared.session.at_end)
    assert [both.frame.index for both in compared.pairs] == list(range(N_FRAMES))
    assert str(compared.gauges.coverage(compared.session.n_frames)) == f"{N_FRAMES} of {N_FRAMES} frames"
    assert 0 < max(speeds) < 0.5  # 25 frames a second would need 40 ms for each


def check_equal(compared: Compared) -> None:
    """Assert that both models gave the same faces, figures and drawn points."""
    for both in compared.pairs:
        assert len(both.first.faces) == len(both.second.faces) == 1
        assert np.array_equal(both.first.faces[0].points_px, both.second.faces[0].points_px)
        assert both.apart is not None
        assert both.apart.points.max() == 0.0
    gauges = compared.gauges
    assert not gauges.distances()[1].any()
    jitters = [model.jitter.recent()[1] for model in gauges.models]
    assert len(jitters[0]) > 0
    assert np.array_equal(*jitters)
    overall, by_region = gauges.usually_apart(IBUG_68)
    assert {overall, *by_region.values()} == {0.0}
    assert all(each.overall == 0.0 for each in gauges.worst)


@pytest.mark.slow
def test_same_model_twice_differs_by_nothing(compare: Callable[..., Compared], images: Path):
    compared = compare(images, FIRST, FIRST)
    wait_for(at_end(compared))
    assert len(compared.pairs) == N_FRAMES
    check_equal(compared)


@pytest.mark.parametrize("layout", list(Layout))
def test_same_model_twice_is_drawn_at_the_same_places(photo: np.ndarray, face: Face, layout: Layout):
    frame = Frame(photo, 0, 0.0, 0.0)
    result = Result(frame, [face], IBUG_68, "a", "openvino", 0.5, 0.0, 0.01, 0.0)
    twice = Shown(result, pair(result, result))
    swapped = Shown(result, pair(replace(result), replace(result)))
    view = View(layout=layout, wipe=0.0)
    picture = render(twice, view, (1284, 360))
    assert np.array_equal(picture.image, render(swapped, view, (1284, 360)).image)
    if layout is Layout.SIDE_BY_SIDE:
        assert np.array_equal(picture.panes[0].matrix, picture.panes[1].matrix)
    if layout is Layout.DIFFERENCE:
        red = (picture.image[40:-60, :, 2] > 180) & (picture.image[40:-60, :, 1] < 110)
        assert not red.any()


@pytest.mark.slow
def test_same_model_chosen_later_differs_by_nothing(compare: Callable[..., Compared], images: Path):
    """The first model has tracked the face before; both start anew."""
    compared = compare(images, FIRST, RAW)
    wait_for(at_end(compared))
    compared.pairs.clear()
    compared.gauges.clear()
    compared.session.second = FIRST
    wait_for(lambda: compared.pairs != [])
    compared.session.paused = False  # from the start
    played = list(range(N_FRAMES))
    wait_for(lambda: [both.frame.index for both in compared.pairs[-N_FRAMES:]] == played)
    wait_for(at_end(compared))  # the gauges have seen the last pair, too
    check_equal(compared)


@pytest.mark.slow
def test_second_model_of_a_recording_does_not_reload_the_first(
    compare: Callable[..., Compared], images: Path
):
    compared = compare(images, FIRST, None)
    wait_for(at_end(compared))
    compared.session.second = RAW
    wait_for(lambda: compared.pairs != [])
    compared.session.second = None
    n_results = len(compared.results)
    compared.session.seek(0.0)
    wait_for(lambda: len(compared.results) > n_results)
    prepared = [text for text in compared.messages if text.startswith("Preparing")]
    assert prepared == [f"Preparing {FIRST.label}", f"Preparing {RAW.label} (2 of 2)"]


class Camera(Numbered):
    """A live source that shows a face 50 times a second."""

    def __init__(self, photo: np.ndarray) -> None:
        super().__init__(10_000, live=True)
        self._photo = photo
        self.turns.release(10_000)

    def _read_frame(self) -> Frame | None:
        frame = super()._read_frame()
        time.sleep(0.02)
        return frame and Frame(self._photo, frame.index, frame.captured_at, frame.source_time)


@pytest.mark.slow
def test_same_model_twice_differs_by_nothing_on_a_camera(
    compare: Callable[..., Compared], photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("livefan.live.session.open_source", lambda *how, **more: Camera(photo))
    compared = compare(0, FIRST, FIRST)
    wait_for(lambda: len(compared.pairs) > 5)
    compared.session.stop(PATIENCE_S)
    for both in compared.pairs:
        assert both.apart is not None
        assert both.apart.points.max() == 0.0


@pytest.mark.slow
def test_camera_is_in_real_time_and_a_recording_is_not(
    compare: Callable[..., Compared], photo: np.ndarray, images: Path, monkeypatch: pytest.MonkeyPatch
):
    compared = compare(images, FIRST, RAW)
    wait_for(at_end(compared))
    assert compared.session.every_frame
    monkeypatch.setattr("livefan.live.session.open_source", lambda *how, **more: Camera(photo))
    compared = compare(0, FIRST, RAW)
    wait_for(lambda: len(compared.pairs) > 2)
    assert not compared.session.every_frame
    assert compared.session.speed is None


def both_of(
    photo: np.ndarray, face: Face, index: int, by: float = 2.0, *, second: str = "b.safetensors"
) -> Pair:
    """Return a pair whose landmarks are ``by`` pixels apart along both axes."""
    frame = Frame(photo, index, 0.0, index / 25)
    moved = replace(face, points_px=face.points_px + by, box_px=face.box_px + by)
    results = [
        Result(frame, [each], IBUG_68, Path(spec).stem, "openvino", 0.5, 0.0, 0.01, 0.0, spec=spec)
        for each, spec in ((face, "a.safetensors"), (moved, second))
    ]
    return pair(*results)


def add(gauges: Gauges, both: Pair) -> None:
    gauges.see(0, both.first)
    gauges.see(1, both.second)
    gauges.see_pair(both)


def test_jitter_comes_from_consecutive_pairs_only(photo: np.ndarray, face: Face):
    gauges = Gauges()
    for index in range(3):
        gauges.see(0, both_of(photo, face, index).first)
    assert len(gauges.models[0].jitter.recent()[0]) == 1
    for index in (3, 5, 7, 9, 11):
        add(gauges, both_of(photo, face, index))
    assert [len(model.jitter.recent()[0]) for model in gauges.models] == [0, 0]
    for index in (12, 13, 14):
        add(gauges, both_of(photo, face, index))
    assert [len(model.jitter.recent()[0]) for model in gauges.models] == [2, 2]


def test_jitter_needs_frames_of_one_epoch(photo: np.ndarray, face: Face):
    gauges = Gauges()
    for index, epoch in ((0, 0), (1, 0), (2, 1), (3, 1)):
        gauges.see(0, replace(both_of(photo, face, index).first, epoch=epoch))
    assert len(gauges.models[0].jitter.recent()[0]) == 0


def test_results_return_with_the_same_models(photo: np.ndarray, face: Face):
    gauges = Gauges()
    for index in range(5):
        add(gauges, both_of(photo, face, index, by=index))
    times_s, distances = gauges.distances()
    assert times_s == pytest.approx(np.arange(5) / 25)
    assert np.all(np.diff(distances) > 0)
    worst = gauges.worst[0]
    gauges.forget_comparison()
    assert str(gauges.coverage(10)) == "0 of 10 frames"
    for second in ("another.safetensors", "run/b.safetensors"):  # the latter has the same label
        add(gauges, both_of(photo, face, 0, second=second))
        assert str(gauges.coverage(10)) == "1 of 10 frames"
    gauges.forget_comparison()
    add(gauges, both_of(photo, face, 7))
    assert str(gauges.coverage(10)) == "6 of 10 frames"
    assert gauges.worst[0] == worst
    gauges.clear()
    add(gauges, both_of(photo, face, 7))
    assert str(gauges.coverage(10)) == "1 of 10 frames"


def test_only_a_frame_that_does_not_follow_a_seek_replaces_its_earlier_result(photo: np.ndarray, face: Face):
    gauges = Gauges()
    for index, by in ((0, 1.0), (1, 4.0), (0, 2.0), (1, 8.0)):
        add(gauges, both_of(photo, face, index, by=by))
    _, distances = gauges.distances()
    assert distances[1] == pytest.approx(4 * distances[0])
    worst = gauges.worst
    for index in (5, 1):
        add(gauges, both_of(photo, face, index, by=2.0))
    assert gauges.distances()[1][:2] == pytest.approx(distances)
    assert gauges.worst == worst
    assert str(gauges.coverage(6)) == "3 of 6 frames"


def test_frames_without_a_common_face_are_covered(photo: np.ndarray, face: Face):
    gauges = Gauges()
    add(gauges, both_of(photo, face, 0))
    both = both_of(photo, face, 1)
    add(gauges, pair(both.first, replace(both.second, faces=[])))
    assert str(gauges.coverage(2)) == "2 of 2 frames"
    assert len(gauges.distances()[0]) == 1


def test_frames_whose_distances_are_dropped_are_covered(
    photo: np.ndarray, face: Face, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("livefan.live.comparison_results._MAX_FRAMES", 3)
    gauges = Gauges()
    for index in (*range(5), 0, 1):
        add(gauges, both_of(photo, face, index))
    assert str(gauges.coverage(None)) == "5 of 5 frames"
    assert str(gauges.coverage(8)) == "5 of 8 frames"
    assert len(gauges.distances()[0]) == 3


def test_coverage_of_a_live_source_counts_the_frames_since_the_comparison_started(
    photo: np.ndarray, face: Face
):
    gauges = Gauges()
    for index in range(10):
        gauges.see(0, both_of(photo, face, index).first)
    add(gauges, both_of(photo, face, 10))
    for index in range(11, 14):
        gauges.see(0, both_of(photo, face, index).first)
    assert str(gauges.coverage(None)) == "1 of 4 frames"


def test_speed_of_playback(monkeypatch: pytest.MonkeyPatch):
    now = [50.0]
    monkeypatch.setattr("livefan.live.playback_speed.time", SimpleNamespace(perf_counter=lambda: now[0]))
    speed = PlaybackSpeed()
    assert speed.value() is None
    for index in range(20):
        now[0] += 0.1
        speed.add(0.06 * index, 0)
    assert speed.value() == pytest.approx(0.6)
    speed.add(30.0, 1)  # after a jump
    assert speed.value() is None
