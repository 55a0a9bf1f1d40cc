"""An annotation that is stopped, killed, or out of disk space continues to the same result."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import moved, read_packets, read_pictures, shrunk, write_recording

from livefan.annotation import annotate as annotate_module
from livefan.annotation import codecs, fingerprint, journal, measure, postprocess
from livefan.annotation.annotate import annotate, problems_before
from livefan.annotation.journal import Journal
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.core.errors import LivefanError, StoppedError
from livefan.formats.registry import SUFFIXES
from livefan.runtimes.base import RuntimeChoice
from livefan.tracking.pipeline import Pipeline

FORMATS = SUFFIXES


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Make batches, chunks and segments so short that small recordings need several."""
    patch.setattr(measure, "BATCH", 5)
    patch.setattr(measure, "REACH", 8)
    patch.setattr(postprocess, "REACH", 8)
    patch.setattr(postprocess, "CHUNK", 6)
    patch.setattr(postprocess, "CONTEXT", 4)
    patch.setattr(codecs, "SEGMENT", 8)


@pytest.fixture(autouse=True)
def short_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray) -> Path:
    """Two faces appear one after the other; both are absent for some frames."""
    small = shrunk(photo, 240, 136)
    empty = np.full_like(small, 90)
    alone, both = np.hstack([small, empty]), np.hstack([small, small[:, ::-1]])
    nobody = np.hstack([empty, empty])
    pictures = [alone] * 8 + [both] * 16 + [nobody] * 5 + [both] * 6
    path = tmp_path_factory.mktemp("clips") / "talk.mkv"
    return write_recording(path, [moved(picture, n) for n, picture in enumerate(pictures)], sound=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, talk: Path) -> Path:
    """The outputs of an annotation without a stop."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        annotate(talk, Outputs(folder / "out", ".mkv", FORMATS))
    return folder


def assert_same(folder: Path, uninterrupted: Path) -> None:
    """Compare data byte by byte, audio by packet and pictures with a tolerance; no other file may exist.

    With several threads x264 does not always encode equal pictures to equal bits.
    """
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in uninterrupted.iterdir()
    )
    for path in uninterrupted.rglob("*"):
        if path.is_file() and path.suffix != ".mkv":
            assert (folder / path.relative_to(uninterrupted)).read_bytes() == path.read_bytes(), path.name
    assert read_packets(folder / "out.mkv", "audio") == read_packets(uninterrupted / "out.mkv", "audio")
    pictures, times = read_pictures(folder / "out.mkv")
    expected, expected_times = read_pictures(uninterrupted / "out.mkv")
    assert times == expected_times
    for picture, other in zip(pictures, expected, strict=True):
        assert np.abs(picture.astype(int) - other).mean() < 0.5


def stop_at(call: int, then: Callable[[], None]) -> Callable[..., object]:
    """Return a patch that calls ``then`` before the n-th call of a function."""

    def replace(owner: object, name: str, patch: pytest.MonkeyPatch) -> None:
        real, count = getattr(owner, name), iter(range(1, 1 << 30))

        def stopped(*args: object, **kwargs: object) -> object:
            if next(count) == call:
                then()
            return real(*args, **kwargs)

        patch.setattr(owner, name, stopped)

    return replace


def ctrl_c() -> None:
    raise KeyboardInterrupt


def no_runtime(*args: object, **kwargs: object) -> None:
    raise LivefanError("no runtime")


def record_frames(patch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the index of each frame that a pipeline processes from now on."""
    processed: list[int] = []
    process = Pipeline.process
    patch.setattr(
        Pipeline, "process", lambda self, frame: processed.append(frame.index) or process(self, frame)
    )
    return processed


@pytest.mark.slow
def test_annotation_that_is_stopped_seven_times_continues_to_the_same_result(
    tmp_path: Path, talk: Path, uninterrupted: Path
):
    outputs = Outputs(tmp_path / "out", ".mkv", FORMATS)
    stops: list[tuple[object, str, int]] = [
        (Pipeline, "process", 3),
        (Pipeline, "process", 17),
        (Journal, "add", 2),
        (Journal, "add_segment", 2),
        (Journal, "add_segment", 2),
        (annotate_module, "mux", 1),
        (os, "replace", 3),
    ]
    for owner, name, call in stops:
        with pytest.MonkeyPatch.context() as patch:
            stop_at(call, ctrl_c)(owner, name, patch)
            with pytest.raises(KeyboardInterrupt):
                annotate(talk, outputs)
        if owner is not os:
            assert [path.name for path in tmp_path.iterdir()] == [".out.mkv.partial"]
    annotate(talk, outputs)
    assert_same(tmp_path, uninterrupted)


@pytest.mark.slow
def test_unfinished_work_of_another_runtime_is_begun_again_with_a_note(tmp_path: Path, talk: Path):
    pytest.importorskip("onnxruntime")
    outputs = Outputs(tmp_path / "out", None)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(9, ctrl_c)(Pipeline, "process", patch)
        with pytest.raises(KeyboardInterrupt):
            annotate(talk, outputs)
    other = AnnotationSettings(runtime=RuntimeChoice("onnxruntime", "float32"))
    assert annotate(talk, outputs, other).notes == [
        f"{tmp_path / 'out.csv'}: the unfinished work was measured with openvino float32; it was begun again "
        "with onnxruntime float32"
    ]


@pytest.mark.slow
def test_measured_frames_are_not_measured_again(tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch):
    outputs = Outputs(tmp_path / "out", None)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(23, ctrl_c)(Pipeline, "process", patch)
        with pytest.raises(KeyboardInterrupt):
            annotate(talk, outputs)
    processed = record_frames(monkeypatch)
    annotate(talk, outputs)
    assert processed == list(range(20, 35))  # the journal had four batches of five


_KILLED = """
import os, signal, sys
from pathlib import Path
from livefan.annotation import codecs, measure, postprocess
from livefan.annotation.journal import Journal
from livefan.annotation.outputs import Outputs
from livefan.annotation.annotate import annotate
from livefan.annotation.settings import AnnotationSettings
measure.BATCH, measure.REACH, postprocess.REACH, postprocess.CHUNK, postprocess.CONTEXT = 5, 8, 8, 6, 4
codecs.SEGMENT = 8
add = Journal.add
def killed(self, *values):
    add(self, *values)
    if self.n_frames == 25:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.add = killed
settings = AnnotationSettings("mobilefan-half-300w")
annotate(sys.argv[1], Outputs(Path(sys.argv[2]), ".mkv", tuple(sys.argv[3:])), settings)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_killed_annotation_continues_to_the_same_result(tmp_path: Path, talk: Path, uninterrupted: Path):
    base = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, talk, base, *FORMATS],
        check=False,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert [path.name for path in tmp_path.iterdir()] == [".out.mkv.partial"]
    annotate(talk, Outputs(base, ".mkv", FORMATS))
    assert_same(tmp_path, uninterrupted)


@pytest.mark.slow
def test_other_settings_start_anew(tmp_path: Path, talk: Path):
    """Observations of other settings must not be used."""
    outputs = Outputs(tmp_path / "out", None)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(23, ctrl_c)(Pipeline, "process", patch)
        with pytest.raises(KeyboardInterrupt):
            annotate(talk, outputs)
    done = annotate(talk, outputs, AnnotationSettings(max_faces=1))
    assert done.n_faces == 1
    assert done.n_frames == 35


@pytest.mark.slow
def test_other_code_starts_anew(tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch):
    """After an upgrade, a resumed run must not mix the results of two revisions."""
    outputs = Outputs(tmp_path / "out", None)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(23, ctrl_c)(Pipeline, "process", patch)
        with pytest.raises(KeyboardInterrupt):
            annotate(talk, outputs)
    monkeypatch.setattr(fingerprint, "code_revision", lambda: "another")
    processed = record_frames(monkeypatch)
    annotate(talk, outputs)
    assert processed == list(range(35))
    assert problems_before(talk, outputs, AnnotationSettings()) == []


@pytest.fixture
def frames(tmp_path: Path, photo: np.ndarray) -> Path:
    """A folder of twelve numbered images."""
    (tmp_path / "frames").mkdir()
    for number in range(12):
        cv2.imwrite(str(tmp_path / f"frames/f_{number:02}.png"), moved(shrunk(photo), number))
    return tmp_path / "frames"


def processed_after_a_stop(
    images: Path, outputs: Outputs, between: Callable[[], None] = lambda: None
) -> list[int]:
    """Stop an annotation at its ninth frame; return the frames that the next run processes."""
    with pytest.MonkeyPatch.context() as patch:
        stop_at(9, ctrl_c)(Pipeline, "process", patch)
        with pytest.raises(KeyboardInterrupt):
            annotate(images, outputs, AnnotationSettings(sequence=True))
    between()
    with pytest.MonkeyPatch.context() as patch:
        processed = record_frames(patch)
        annotate(images, outputs, AnnotationSettings(sequence=True))
    return processed


@pytest.mark.slow
def test_image_sequence_continues_unless_an_image_was_replaced(tmp_path: Path, frames: Path):
    def replace() -> None:
        cv2.imwrite(str(frames / "f_03.png"), np.full((40, 60, 3), 90, np.uint8))

    images, settings = frames / "f_%02d.png", AnnotationSettings(sequence=True)
    outputs, other = (Outputs(tmp_path / name, None) for name in ("out", "other"))
    assert processed_after_a_stop(images, outputs) == list(range(5, 12))
    assert problems_before(images, outputs, settings) == []
    assert processed_after_a_stop(images, other, replace) == list(range(12))
    assert problems_before(images, outputs, settings) is None


def test_outputs_in_the_folder_of_the_images_do_not_change_its_identity(frames: Path):
    """Other files that are not images do not change it either."""
    outputs, settings = (
        Outputs(frames / "out", ".mp4", (".csv", ".coco.json")),
        AnnotationSettings(sequence=True),
    )
    assert processed_after_a_stop(frames, outputs, (frames / "notes.txt").touch) == list(range(5, 12))
    assert problems_before(frames, outputs, settings) == []
    Outputs(frames / "later", None).work.mkdir()
    assert problems_before(frames, outputs, settings) == []
    shutil.copy(frames / "f_00.png", frames / "f_12.png")
    assert problems_before(frames, outputs, settings) is None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_dead_link_counts_as_an_unreadable_image(tmp_path: Path, frames: Path):
    (frames / "f_12.png").symlink_to(frames / "gone.png")
    done = annotate(frames, Outputs(tmp_path / "out", None))
    assert done.n_frames == 12
    assert "f_12.png" in done.problems[0]


@pytest.mark.slow
def test_failed_continuation_keeps_the_earlier_work(
    tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch
):
    """The recording is away for a while, as on a drive that is not mounted; then no runtime loads."""
    recording, outputs = tmp_path / "talk.mkv", Outputs(tmp_path / "out", None)
    shutil.copy2(talk, recording)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(9, ctrl_c)(Pipeline, "process", patch)
        with pytest.raises(KeyboardInterrupt):
            annotate(recording, outputs)
    recording.rename(tmp_path / "away.mkv")
    with pytest.raises(LivefanError, match="no such file"):
        annotate(recording, outputs)
    (tmp_path / "away.mkv").rename(recording)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(annotate_module, "open_runtime", no_runtime)
        with pytest.raises(LivefanError, match="no runtime"):
            annotate(recording, outputs)
    processed = record_frames(monkeypatch)
    annotate(recording, outputs)
    assert processed[0] == 5
    assert not outputs.work.exists()


def test_failed_first_run_leaves_no_folder(tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(annotate_module, "open_runtime", no_runtime)
    with pytest.raises(LivefanError, match="no runtime"):
        annotate(talk, Outputs(tmp_path / "out", None))
    assert not list(tmp_path.iterdir())


def test_second_run_on_the_same_output_is_refused(tmp_path: Path, talk: Path):
    outputs = Outputs(tmp_path / "out", None)
    outputs.work.mkdir()
    with Journal(outputs.work / "journal.sqlite", "another"), pytest.raises(LivefanError, match="at work"):
        annotate(talk, outputs)
    assert outputs.work.is_dir()  # the other run still has it


@pytest.mark.slow
def test_damaged_journal_starts_anew(tmp_path: Path, talk: Path, uninterrupted: Path):
    outputs = Outputs(tmp_path / "out", ".mkv", FORMATS)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(17, ctrl_c)(Pipeline, "process", patch)
        with pytest.raises(KeyboardInterrupt):
            annotate(talk, outputs)
    journal = outputs.work / "journal.sqlite"
    data = bytearray(journal.read_bytes())
    data[1024:-100] = os.urandom(len(data) - 1124)
    journal.write_bytes(data)
    annotate(talk, outputs)
    assert_same(tmp_path, uninterrupted)


@pytest.mark.slow
def test_full_database_is_reported_and_the_work_continues(
    tmp_path: Path, talk: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
):
    """A database at its maximum size fails like one on a full disk."""
    outputs = Outputs(tmp_path / "out", ".mkv", FORMATS)
    connect = journal._connect  # private: only the connection has the limit that fails like a full disk

    def limited(path: Path) -> object:
        database = connect(path)
        database.execute("pragma max_page_count = 24")
        return database

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "_connect", limited)
        with pytest.raises(StoppedError, match="make room on the disk"):
            annotate(talk, outputs)
    assert [path.name for path in tmp_path.iterdir()] == [".out.mkv.partial"]
    processed = record_frames(monkeypatch)
    annotate(talk, outputs)
    assert processed[0] >= 5
    assert_same(tmp_path, uninterrupted)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("unshare"), reason="needs Linux's mount namespaces")
def test_full_file_system_gives_one_line_error(tmp_path: Path, talk: Path):
    """The file system has 512 KiB."""
    command = (
        f"mount -t tmpfs -o size=512k none {tmp_path} && {sys.executable} main.py annotate {talk} "
        f"-o {tmp_path}/out.mkv --data csv,jsonl,coco; code=$?; ls -A {tmp_path}; exit $code"
    )
    apart = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    done = subprocess.run(
        [*apart, "sh", "-c", command],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2, done.stderr
    assert "make room on the disk" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout.split() == [".out.mkv.partial"]
