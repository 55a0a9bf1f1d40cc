"""Live session: a source, a model, and a second model."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numbered import Numbered
from waiting import PATIENCE_S

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.core.landmarks import IBUG_68
from livefan.core.rates import RateMeter
from livefan.io.images import ImageSource
from livefan.io.live_source import CapturedImage, LiveSource
from livefan.io.open import open_source
from livefan.live.advice import Advice, is_dark
from livefan.live.result import Pair, Result
from livefan.live.session import LiveSession
from livefan.live.worker import Model
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline

HALF = ModelChoice("mobilefan-half-300w")
RAW = ModelChoice("mobilefan-half-300w", raw=True)


class Watched:
    """A session and the arguments of its callbacks."""

    def __init__(self, source: str | Path | int, second: ModelChoice | None = None, **how) -> None:
        self.results: list[Result] = []
        self.seconds: list[Result] = []
        self.pairs: list[Pair] = []
        self.messages: list[str] = []
        self.threads: set[str] = set()
        self.ended = threading.Event()
        self.error: str | None = None
        self.errors: list[str] = []
        self.session = LiveSession(
            source,
            HALF,
            second,
            sequence=True,
            on_result=self._result,
            on_second=self.seconds.append,
            on_pair=self.pairs.append,
            on_status=self.messages.append,
            on_error=self.errors.append,
            on_end=self._end,
            **how,
        )

    def _result(self, result: Result) -> None:
        self.results.append(result)
        self.threads.add(threading.current_thread().name)

    def _end(self, error: str | None) -> None:
        self.error = error
        self.ended.set()

    def wait(self, condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, (
                f"did not happen in time; messages: {self.messages}, {self.error}"
            )
            time.sleep(0.01)

    def wait_for_more(self, received: list[Result] | list[Pair]) -> None:
        """Wait until a list has more than three new entries."""
        before = len(received)
        self.wait(lambda: len(received) > before + 3)


@pytest.fixture
def watch() -> Iterator[Callable[..., Watched]]:
    """Starts sessions; stops them at the end of the test."""
    begun: list[Watched] = []

    def start(source: str | Path | int, second: ModelChoice | None = None, **how) -> Watched:
        watched = Watched(source, second, **how)
        begun.append(watched)
        watched.session.start()
        return watched

    yield start
    for watched in begun:
        watched.session.stop(timeout=PATIENCE_S)
        assert watched.ended.wait(PATIENCE_S)


@pytest.mark.slow
def test_every_frame_of_a_recording_is_processed_in_the_session_thread(watch, images: Path):
    watched = watch(images)
    watched.wait(lambda: watched.session.at_end)
    assert [result.frame.index for result in watched.results] == list(range(6))
    assert all(len(result.faces) == 1 for result in watched.results)
    assert watched.session.dropped == 0
    assert threading.current_thread().name not in watched.threads
    assert "ended" in watched.messages[-1]


def test_recording_that_is_paused_before_its_first_frame_shows_it(images: Path):
    watched = Watched(images)
    watched.session.paused = True
    watched.session.start()
    watched.wait(lambda: watched.results)
    assert [result.frame.index for result in watched.results] == [0]
    assert watched.session.paused
    assert watched.session.stop(timeout=PATIENCE_S)


def test_unusable_source_ends_the_session_with_one_line(watch, tmp_path: Path):
    watched = watch(tmp_path / "none.mp4")
    assert watched.ended.wait(PATIENCE_S)
    assert watched.error is not None
    assert "none.mp4" in watched.error
    assert "\n" not in watched.error


def test_message_of_loading_is_cleared_when_done(monkeypatch: pytest.MonkeyPatch):
    load, messages = ModelChoice.pipeline, []

    def slow(choice: ModelChoice, *, log: Callable[[str], None], **how) -> Pipeline:
        log("choosing")
        return load(choice, log=log, **how)

    monkeypatch.setattr(ModelChoice, "pipeline", slow)
    model = Model(RAW, 1, messages.append)
    assert model.prepare()
    model.close()
    assert messages[:2] == [f"Preparing {RAW.label}", f"Preparing {RAW.label}: choosing"]
    assert messages[-1] == ""


def test_fewer_faces_keep_the_filter_of_those_that_stay(clip: Path):
    model = Model(HALF, 5, lambda text: None, background=False)
    with open_source(clip) as source:
        frames = [frame for frame, _ in zip(source, range(2), strict=False)]
    model.process(frames[0], 0)
    model.max_faces = 1
    (face,) = model.process(frames[1], 0).faces
    model.close()
    assert not np.array_equal(face.points_px, face.raw_points_px)


def test_stop_leaves_no_thread(clip: Path):
    before = threading.active_count()
    watched = Watched(clip, RAW)
    watched.session.start()
    watched.wait(lambda: watched.pairs)
    assert watched.session.stop(timeout=PATIENCE_S)
    assert watched.ended.is_set()
    watched.wait(lambda: threading.active_count() <= before)


@pytest.mark.slow
def test_pair_has_the_distances_on_one_frame(watch, clip: Path):
    watched = watch(clip, RAW)
    watched.wait(lambda: len(watched.pairs) > 20)
    for pair in watched.pairs:
        assert pair.first.frame.index == pair.second.frame.index
        assert pair.first.label == "mobilefan-half-300w"
        assert pair.second.label == "mobilefan-half-300w@raw"
        (apart,) = pair.disagreements
        ours, theirs = pair.first.faces[0].points_px, pair.second.faces[0].points_px
        between_eyes = np.linalg.norm(theirs[36] - theirs[45])
        expected = 100 * np.linalg.norm(ours - theirs, axis=1).mean() / between_eyes
        assert apart.overall == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_slow_second_model_does_not_slow_the_first(watch, clip: Path, monkeypatch: pytest.MonkeyPatch):
    """The second model does not finish its first frame before the test lets it; the first one goes on."""
    process, go_on = Pipeline.process, threading.Event()

    def slow_beside(self: Pipeline, frame: Frame):
        is_warm_up = not frame.image.any()
        if threading.current_thread().name == "livefan-second" and not is_warm_up:
            assert go_on.wait(PATIENCE_S)
        return process(self, frame)

    monkeypatch.setattr(Pipeline, "process", slow_beside)
    watched = watch(clip, RAW, every_frame=False)
    watched.wait(lambda: len(watched.results) > 12)
    assert not watched.seconds
    go_on.set()
    watched.wait(lambda: watched.pairs)


@pytest.mark.slow
def test_second_model_can_be_set_and_removed_while_running(watch, images: Path):
    watched = watch(images)
    watched.wait(lambda: watched.session.at_end)
    assert not watched.pairs
    watched.session.second = RAW
    watched.wait(lambda: watched.pairs)  # of the frame that is held
    assert watched.pairs[-1].frame.index == 5
    watched.session.second = None
    n_pairs, n_results = len(watched.pairs), len(watched.results)
    watched.session.seek(0.0)
    watched.wait(lambda: len(watched.results) > n_results)
    assert len(watched.pairs) == n_pairs


def test_new_model_processes_the_paused_frame_again(watch, images: Path):
    watched = watch(images)
    watched.wait(lambda: watched.session.at_end)
    watched.session.first = RAW
    watched.wait(lambda: watched.results[-1].label == "mobilefan-half-300w@raw")
    assert watched.results[-1].frame.index == 5


def test_another_number_of_faces_processes_the_paused_frame_again(watch, images: Path):
    watched = watch(images)
    watched.wait(lambda: watched.session.at_end)
    n_results = len(watched.results)
    watched.session.max_faces = 2
    watched.wait(lambda: len(watched.results) > n_results)
    assert watched.results[-1].frame.index == 5


def test_wanted_heads_process_the_paused_frame_again(watch, images: Path):
    watched = watch(images)
    watched.session.heads = ()
    watched.session.loop = True  # a network with all heads runs until the one without is loaded
    watched.wait(lambda: any(result.faces[0].occluded is None for result in watched.results))
    watched.session.loop = False
    watched.wait(lambda: watched.session.at_end)
    assert watched.results[-1].faces[0].occluded is None
    assert not watched.session.lacks("expressions")  # it does not run, but the network has it
    watched.session.heads = ("reliability",)
    watched.wait(lambda: watched.results[-1].faces[0].occluded is not None)
    assert watched.results[-1].frame.index == 5
    assert watched.results[-1].faces[0].expressions is None


def test_model_that_cannot_be_loaded_gives_a_message_and_the_old_one_continues(
    watch, clip: Path, tmp_path: Path
):
    watched = watch(clip)
    watched.session.loop = True
    watched.wait(lambda: watched.results)
    watched.session.first = ModelChoice(str(tmp_path / "none.safetensors"))
    watched.wait(lambda: any("none.safetensors" in text for text in watched.errors))
    watched.wait_for_more(watched.results)
    assert watched.results[-1].label == "mobilefan-half-300w"
    assert watched.session.first == HALF


def test_second_model_that_cannot_be_loaded_gives_a_message_and_the_others_continue(
    watch, clip: Path, tmp_path: Path
):
    watched = watch(clip, ModelChoice(str(tmp_path / "none.safetensors")))
    watched.session.loop = True
    watched.wait(lambda: any("none.safetensors" in text for text in watched.errors))
    watched.wait_for_more(watched.results)
    assert watched.session.second is None
    watched.session.second = RAW
    watched.wait(lambda: watched.pairs)
    watched.session.second = ModelChoice(str(tmp_path / "absent.safetensors"))
    watched.wait(lambda: any("absent.safetensors" in text for text in watched.errors))
    watched.wait_for_more(watched.pairs)
    assert watched.session.second == RAW


def test_late_failure_of_a_replaced_second_model_is_ignored(
    watch, clip: Path, monkeypatch: pytest.MonkeyPatch
):
    asked, fail = threading.Event(), threading.Event()
    load = ModelChoice.pipeline

    def load_or_fail(choice: ModelChoice, **how) -> Pipeline:
        if choice.weights == "bad":
            asked.set()
            assert fail.wait(PATIENCE_S)
            raise LivefanError("bad: cannot be loaded")
        return load(choice, **how)

    monkeypatch.setattr(ModelChoice, "pipeline", load_or_fail)
    watched = watch(clip, ModelChoice("bad"))
    watched.session.loop = True
    watched.wait(asked.is_set)
    watched.session.second = RAW
    watched.wait(lambda: watched.pairs)
    fail.set()
    watched.wait_for_more(watched.pairs)
    assert watched.session.second == RAW
    assert not any("cannot be loaded" in text for text in watched.messages)


@pytest.mark.parametrize("thread", ["livefan-worker", "livefan-second"])
def test_unexpected_exception_in_a_models_thread_ends_the_session_with_a_message(
    watch, clip: Path, monkeypatch: pytest.MonkeyPatch, thread: str
):
    process = Pipeline.process

    def fail(self: Pipeline, frame: Frame):
        if threading.current_thread().name == thread:
            raise ZeroDivisionError("division by zero")
        return process(self, frame)

    monkeypatch.setattr(Pipeline, "process", fail)
    watched = watch(clip, RAW)
    assert watched.ended.wait(PATIENCE_S)
    assert watched.error == "internal error: ZeroDivisionError: division by zero"


def test_refused_thread_priority_does_not_stop_the_session(
    watch, images: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(which: int, who: int, niceness: int) -> None:
        raise PermissionError("not permitted")

    monkeypatch.setattr("livefan.live.priority.os.setpriority", refuse)
    watched = watch(images)
    watched.wait(lambda: watched.session.at_end)
    assert len(watched.results) == 6


def test_error_within_a_recording_ends_the_session(watch, images: Path, monkeypatch: pytest.MonkeyPatch):
    def read(source: ImageSource) -> Frame | None:
        frame = next_frame(source)
        if frame is not None and frame.index == 3:
            raise LivefanError("images: the disk is gone")
        return frame

    next_frame = ImageSource.read
    monkeypatch.setattr(ImageSource, "read", read)
    watched = watch(images)
    assert watched.ended.wait(PATIENCE_S)
    assert [result.frame.index for result in watched.results] == [0, 1, 2]
    assert watched.error == "images: the disk is gone"


def test_step_shows_the_next_frame_with_heatmaps(watch, clip: Path):
    watched = watch(clip, hold=True)
    watched.wait(lambda: watched.results)
    watched.session.seek(0.5)
    watched.wait(lambda: len(watched.results) == 2)
    index = watched.results[-1].frame.index
    assert index > 1
    watched.session.heatmaps = True
    watched.wait(lambda: watched.results[-1].heatmaps)
    (maps,) = watched.results[-1].heatmaps
    assert maps.maps.shape[0] == IBUG_68.n_points
    for step, expected in ((1, index + 1), (-1, index), (-1, index - 1)):
        watched.session.step(step)
        watched.wait(lambda expected=expected: watched.results[-1].frame.index == expected)
        assert watched.results[-1].heatmaps
        assert watched.session.paused


def test_heatmaps_peak_at_the_landmarks(watch, images: Path):
    watched = watch(images)
    watched.session.heatmaps = True
    watched.wait(lambda: watched.results and watched.results[-1].heatmaps)
    result = watched.results[-1]
    (maps,), (face,) = result.heatmaps, result.faces
    stride = maps.crop.size / maps.maps.shape[-1]
    for point, cells in enumerate(maps.maps):
        y, x = np.unravel_index(cells.argmax(), cells.shape)
        at_crop = np.array([(x + 0.5) * stride - 0.5, (y + 0.5) * stride - 0.5, 1.0])
        expected = maps.crop.matrix @ [*face.points_px[point], 1.0]
        assert np.abs(at_crop[:2] - expected).max() < 2.5 * stride


def test_smoothing_applies_to_both_models_but_not_to_a_raw_one(watch, clip: Path):
    watched = watch(clip, RAW)
    watched.session.smoothing = 0.9
    watched.wait(lambda: watched.seconds and any(result.smoothing == 0.9 for result in watched.results))
    assert watched.seconds[-1].smoothing == 0.0
    (face,) = watched.seconds[-1].faces
    assert face.raw_points_px is not None
    assert np.array_equal(face.points_px, face.raw_points_px)


def test_paused_camera_gives_no_results_until_resumed(
    watch, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    class Camera(Numbered):
        def _read_frame(self) -> Frame | None:
            frame = super()._read_frame()
            time.sleep(0.02)
            return frame and Frame(photo, frame.index, frame.captured_at, frame.source_time)

    source = Camera(10_000, live=True)
    source.turns.release(10_000)
    monkeypatch.setattr("livefan.live.session.open_source", lambda *args, **more: source)
    watched = watch(0)
    watched.wait(lambda: len(watched.results) > 3)
    watched.session.paused = True
    n_results = len(watched.results)
    time.sleep(0.5)
    assert len(watched.results) <= n_results + 1  # the model may be at work on a frame
    watched.session.paused = False
    watched.wait(lambda: len(watched.results) > n_results + 3)


class DarkCamera(LiveSource):
    """A dark camera that fails once, when it is told to."""

    def __init__(self) -> None:
        super().__init__("camera")
        self.fails = threading.Event()

    def _connect(self) -> None:
        self.fails.clear()

    def _disconnect(self) -> None:
        pass

    def _capture(self) -> CapturedImage | None:
        time.sleep(0.02)
        image = np.zeros((48, 64, 3), np.uint8)
        return None if self.fails.is_set() else CapturedImage(image, time.perf_counter())


def test_advice_is_repeated_after_the_camera_was_lost(watch, monkeypatch: pytest.MonkeyPatch):
    camera = DarkCamera()
    monkeypatch.setattr("livefan.live.session.open_source", lambda *source, **how: camera)
    monkeypatch.setattr("livefan.live.advice._PATIENCE_S", 0.0)
    monkeypatch.setattr("livefan.io.live_source.FIRST_PAUSE_S", 0.0)
    watched = watch(0)
    watched.wait(lambda: any("dark" in message for message in watched.messages))
    camera.fails.set()
    watched.wait(lambda: any("lost" in message for message in watched.messages))
    watched.wait(lambda: "dark" in watched.messages[-1])
    assert watched.messages[-2] == ""


class TestAdvice:
    def result(self, at: float, level: int, faces: int = 0) -> Result:
        frame = Frame(np.full((48, 64, 3), level, np.uint8), 0, 0.0, at)
        return Result(frame, [None] * faces, IBUG_68, "", "", 0.0, 0.0, 0.0, at)  # type: ignore[list-item]

    def test_no_advice_while_a_face_is_found_or_was_found_recently(self):
        advice = Advice()
        assert advice.add(self.result(0.0, 100, faces=1)) == ""
        assert advice.add(self.result(0.9, 100)) == ""
        assert "No face" in advice.add(self.result(1.1, 100))
        assert advice.add(self.result(1.2, 100, faces=1)) == ""

    def test_dark_image_is_named(self):
        advice = Advice()
        advice.add(self.result(0.0, 5))
        assert "dark" in advice.add(self.result(2.0, 5))

    def test_small_lamp_in_a_dark_image_is_still_dark(self):
        image = np.full((480, 640, 3), 4, np.uint8)
        image[:40, :40] = 255
        assert is_dark(Frame(image, 0, 0.0, 0.0))


def test_rate_counts_recent_events(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr("livefan.core.rates.time.perf_counter", lambda: now[0])
    meter = RateMeter(window=1.0)
    assert meter.rate() == 0.0
    for _ in range(50):
        now[0] += 0.05
        meter.tick()
    assert meter.rate() == pytest.approx(20.0)
    now[0] += 10
    assert meter.rate() == 0.0
