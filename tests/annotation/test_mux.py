"""The annotated video: timestamps, and copies of the other streams."""

import http.server
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import (
    Coding,
    read_packets,
    read_pictures,
    write_recording,
)

import livefan
from livefan.annotation import annotate as annotate_module
from livefan.annotation import mux
from livefan.annotation.annotate import annotate
from livefan.annotation.batch import Task, run_task
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_frame_rate_keeps_exact_timestamps(tmp_path: Path, small: np.ndarray, suffix: str):
    times = [0, 10, 50, 51, 300, 1000]
    clip = write_recording(tmp_path / "in.mkv", [small] * 6, milliseconds=times)
    outputs = Outputs(tmp_path / "out", suffix)
    annotate(clip, outputs)
    assert read_pictures(outputs.picture or clip)[1] == [Fraction(time, 1000) for time in times]
    assert livefan.load_annotations(outputs.tables[0])["pts"].to_pylist() == times


@pytest.mark.slow
def test_audio_subtitles_and_metadata_are_copied(tmp_path: Path, small: np.ndarray):
    clip = write_recording(
        tmp_path / "in.mp4",
        [small] * 30,
        sound=True,
        subtitles=["one", "two"],
        metadata={"title": "A talk", "artist": "Her"},
    )
    for suffix, kept in ((".mp4", ["audio", "subtitle"]), (".mkv", ["audio"])):
        outputs = Outputs(tmp_path / f"out{suffix}", suffix)
        done = annotate(clip, outputs)
        picture = outputs.picture or clip
        for kind in kept:
            assert read_packets(picture, kind) == read_packets(clip, kind)
        assert read_pictures(picture)[1] == [Fraction(n, 25) for n in range(30)]
        with av.open(str(picture)) as container:
            metadata = {key.lower(): value for key, value in container.metadata.items()}
        assert (metadata["title"], metadata["artist"]) == ("A talk", "Her")
        if "subtitle" in kept:
            assert done.problems == []
        else:
            (problem,) = done.problems
            assert "subtitle stream 2 (mov_text) does not fit into .mkv" in problem


def with_chapters(clip: Path, path: Path) -> Path:
    """Copy a recording with two chapters; MP4 keeps their titles in a track."""
    with av.open(str(clip)) as recording, av.open(str(path), "w") as container:
        copies = {stream.index: container.add_stream_from_template(stream) for stream in recording.streams}
        spans = [(0, 20, "Before"), (20, 1000, "After")]
        container.set_chapters(
            [
                {
                    "id": start,
                    "start": start,
                    "end": end,
                    "time_base": Fraction(1, 50),
                    "metadata": {"title": title},
                }
                for start, end, title in spans
            ]
        )
        for packet in recording.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                container.mux(packet)
    return path


def test_chapters_and_audio_are_copied(tmp_path: Path, small: np.ndarray):
    clip = with_chapters(
        write_recording(tmp_path / "in.mp4", [small] * 10, sound=True), tmp_path / "chapters.mp4"
    )
    with av.open(str(clip)) as recording:
        assert [stream.type for stream in recording.streams] == ["video", "audio", "data"]
    outputs = Outputs(tmp_path / "out")
    assert annotate(clip, outputs).problems == []
    picture = outputs.picture or clip
    assert read_packets(picture, "audio") == read_packets(clip, "audio")
    with av.open(str(picture)) as container:
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["Before", "After"]


def test_stream_that_does_not_fit_is_left_out_alone(tmp_path: Path, small: np.ndarray):
    """QuickTime refuses FLAC only when its header is written."""
    clip = tmp_path / "in.mkv"
    plain = write_recording(tmp_path / "plain.mkv", [small] * 10, sound=True)
    with av.open(str(plain)) as recording, av.open(str(clip), "w") as container:
        copies = {stream.index: container.add_stream_from_template(stream) for stream in recording.streams}
        music = container.add_stream("flac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.int16), format="s16", layout="mono")
        silence.sample_rate = 8000
        container.start_encoding()
        container.mux([packet for frame in (silence, None) for packet in music.encode(frame) if packet.size])
        for packet in recording.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                container.mux(packet)
    outputs = Outputs(tmp_path / "out", ".mov")
    (problem,) = annotate(clip, outputs).problems
    assert "audio stream 2 (flac) does not fit into .mov" in problem
    assert [data for _, data in read_packets(outputs.picture or clip, "audio")] == [
        data for _, data in read_packets(clip, "audio")
    ]


def test_mpeg_clock_with_an_offset_starts_at_zero(tmp_path: Path, small: np.ndarray):
    clip = write_recording(
        tmp_path / "in.ts", [small] * 5, sound=True, coding=Coding("mpeg2video", options={"b": "4M"})
    )
    outputs = Outputs(tmp_path / "out")
    assert annotate(clip, outputs).problems == []
    picture = outputs.picture or clip
    apart = np.subtract(read_pictures(clip)[1], read_pictures(picture)[1])
    assert len(set(apart)) == 1  # all frames by the same time
    sound = [
        before[0] - after[0]
        for before, after in zip(read_packets(clip, "audio"), read_packets(picture, "audio"), strict=True)
    ]
    assert sound == pytest.approx([float(apart[0])] * len(sound), abs=1e-4)  # and the sound with them


def with_time_code(path: Path, clip: Path) -> Path:
    """Copy a recording, with a track of time codes as cameras write it."""
    with av.open(str(clip)) as recording, av.open(str(path), "w") as output:
        copies = {s.index: output.add_stream_from_template(s) for s in recording.streams}
        copies[0].metadata["timecode"] = "11:07:15:07"
        for packet in recording.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                output.mux(packet)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_time_code_track_costs_no_sound(tmp_path: Path, small: np.ndarray, suffix: str):
    clip = write_recording(tmp_path / "in.mp4", [small] * 25, sound=True)
    camera = with_time_code(tmp_path / "camera.mov", clip)
    outputs = Outputs(tmp_path / "out", suffix)
    assert annotate(camera, outputs).problems == []
    assert read_packets(outputs.picture or clip, "audio") == read_packets(camera, "audio")
    with av.open(str(outputs.picture)) as video:
        entries = {**video.metadata, **video.streams.video[0].metadata}
        assert "11:07:15:07" in entries.values()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_last_frame_keeps_its_duration(tmp_path: Path, small: np.ndarray, suffix: str):
    """A time lapse of a frame each ten seconds, whose last frame lasts 0.04 s."""
    times = [10_000 * number for number in range(4)]
    lapse = write_recording(tmp_path / "lapse.mp4", [small] * 4, milliseconds=times)
    with av.open(str(lapse)) as clip:
        expected = (clip.duration or 0) / av.time_base
    outputs = Outputs(tmp_path / "out", suffix)
    annotate(lapse, outputs)
    with av.open(str(outputs.picture)) as video:
        assert (video.duration or 0) / av.time_base == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", ["12:30", "http:a"])
def test_colon_in_a_name_is_no_protocol(
    tmp_path: Path, small: np.ndarray, monkeypatch: pytest.MonkeyPatch, name: str
):
    clip = write_recording(tmp_path / "in.mp4", [small] * 3)
    monkeypatch.chdir(tmp_path)
    annotate(clip, Outputs(Path(name)))
    assert len(read_pictures(tmp_path / f"{name}.mp4")[0]) == 3


def test_sound_of_a_recording_in_the_home_folder_is_kept(
    tmp_path: Path, small: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    clip = write_recording(tmp_path / "in.mp4", [small] * 5, sound=True)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    outputs = Outputs(tmp_path / "out")
    assert annotate("~/in.mp4", outputs).problems == []
    assert read_packets(outputs.picture or clip, "audio") == read_packets(clip, "audio")


def test_sound_of_a_recording_at_an_address_is_kept(tmp_path: Path, small: np.ndarray):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path))

        def log_message(self, *arguments: object) -> None:
            pass

    clip = write_recording(tmp_path / "in.mp4", [small] * 5, sound=True)
    outputs = Outputs(tmp_path / "out")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            result = annotate(f"http://127.0.0.1:{server.server_port}/in.mp4?key=1", outputs)
        finally:
            server.shutdown()
    assert result.problems == []
    assert read_packets(outputs.picture or clip, "audio") == read_packets(clip, "audio")


def test_earlier_video_does_not_stay_beside_new_data(
    tmp_path: Path, small: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    clip = write_recording(tmp_path / "in.mp4", [small] * 3)
    task = Task(str(clip), Outputs(tmp_path / "out"), AnnotationSettings(), overwrite=True)
    (tmp_path / "out.mp4").write_bytes(b"earlier")

    def refuse(*arguments: Any) -> None:
        raise livefan.LivefanError("refused")

    with monkeypatch.context() as patch:
        patch.setattr(annotate_module, "mux", refuse)
        (problem,) = run_task(task).problems
    assert problem == f"refused; the data are complete in {tmp_path / 'out.csv'}"
    assert not (tmp_path / "out.mp4").exists()
    assert run_task(task).problems == []
    assert len(read_pictures(tmp_path / "out.mp4")[0]) == 3


@pytest.mark.slow
def test_stream_that_fails_while_writing_costs_only_itself(
    tmp_path: Path, small: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    clip = write_recording(tmp_path / "in.mp4", [small] * 25, sound=True, subtitles=["one"])
    write = mux._mux_sorted  # private: no real file fails here only

    def refuse(output: av.container.OutputContainer, *packets: Any) -> Any:
        if any(stream.type == "subtitle" for stream in output.streams):
            raise av.error.ArgumentError(22, "refused")
        return write(output, *packets)

    monkeypatch.setattr(mux, "_mux_sorted", refuse)
    outputs = Outputs(tmp_path / "out")
    (problem,) = annotate(clip, outputs).problems
    assert "subtitle stream 2" in problem
    assert read_packets(outputs.picture or clip, "audio") == read_packets(clip, "audio")
