import json
from dataclasses import asdict
from pathlib import Path

import pytest

from livefan.benchmark import window
from livefan.core.errors import LivefanError
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.runtimes.base import RuntimeChoice


@pytest.mark.slow
def test_window_is_measured(clip: Path, monkeypatch: pytest.MonkeyPatch):
    # The size of the clip: it is not scaled, and two seconds are encoded soon. The number is private.
    monkeypatch.setattr(window, "SIZE", (640, 360))
    monkeypatch.setattr(window, "_CLIP_FRAMES", 72)
    report = window.benchmark_window(clip, DEFAULT_WEIGHTS, RuntimeChoice(), pace=12.0, repeats=1, rounds=1)
    assert report.start > 0
    assert 0 < report.latency <= report.latency_p95
    assert report.threads_left == 0
    assert len(report.held_up) > 20
    assert all(longest > 0 for longest in report.held_up.values())
    assert all(report.worked[name] > 0 for name in report.held_up)
    assert report.held_up_most == report.held_up  # of one round
    assert "start to first picture" in "\n".join(window.as_lines(report))
    assert window.WindowReport(**json.loads(json.dumps(asdict(report)))) == report


def test_window_gets_threads_and_device(clip: Path, monkeypatch: pytest.MonkeyPatch):
    figures = window.WindowReport("offscreen", 900.0, 12.0, 16.0, 30.0, {}, {}, {}, 90.0, 0)
    opened: list[RuntimeChoice] = []
    given: list[str] = []

    def output_of(what: str, command: list[str], *further: object) -> str:
        given.extend(command)
        return json.dumps(asdict(figures))

    monkeypatch.setattr(window, "SIZE", (640, 360))
    monkeypatch.setattr(window, "_CLIP_FRAMES", 4)  # private, as above
    monkeypatch.setattr(window, "open_runtime", lambda weights, choice: opened.append(choice))
    monkeypatch.setattr(window, "output_of", output_of)
    choice = RuntimeChoice("openvino", "float32", 2, "gpu")
    assert window.benchmark_window(clip, DEFAULT_WEIGHTS, choice, repeats=1) == figures
    assert given[3:8] == [DEFAULT_WEIGHTS, "openvino", "float32", "2", "gpu"]
    assert [(each.threads, each.device) for each in opened] == [(2, "gpu")] * 2


def test_window_failure_gives_one_line(tmp_path: Path, clip: Path):
    with pytest.raises(LivefanError, match=r"none\.safetensors"):
        window.benchmark_window(clip, str(tmp_path / "none.safetensors"), RuntimeChoice())
