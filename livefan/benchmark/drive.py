"""Use the window by script and print its figures; :mod:`livefan.benchmark.window` runs this module."""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from livefan.gui.app import leave_qt_to_pyqt

gc.disable()  # as run_window does
leave_qt_to_pyqt()

from PyQt6.QtCore import QEvent, QEventLoop, QObject, QPointF, QSettings, Qt, QTimer  # noqa: E402
from PyQt6.QtGui import QMouseEvent  # noqa: E402
from PyQt6.QtWidgets import QApplication  # noqa: E402

from livefan.benchmark.window import WindowReport  # noqa: E402
from livefan.core.errors import LivefanError  # noqa: E402
from livefan.core.process import end_process  # noqa: E402
from livefan.gui.app import collect_in_this_thread, make_application, open_window  # noqa: E402
from livefan.gui.session_config import CliOverrides  # noqa: E402
from livefan.live.view_state import Layout  # noqa: E402
from livefan.tracking.model_spec import ModelChoice  # noqa: E402

if TYPE_CHECKING:
    from livefan.gui.window import MainWindow

_WARM_UP_S, _STEADY_S, _ACT_S = 3.0, 6.0, 0.4
_PATIENCE_S = 60.0
_BEAT_MS = 2


class _Drive(QObject):
    """A scripted user that measures how long the window does not handle events.

    A timer in the window's thread fires every few milliseconds. The delay of a beat is the time that event
    handlers held the thread. The thread's CPU time between two beats is their work. The rest of the time they
    waited for a core or for Python's lock.
    """

    def __init__(self, window: MainWindow, pace: float) -> None:
        super().__init__()
        self._pace = pace
        self._window = window
        self._size = window.size()
        self.held_up: dict[str, list[float]] = defaultdict(list)
        self.worked: dict[str, list[float]] = defaultdict(list)
        self._longest = self._most_work = 0.0
        self._last_beat, self._work_at_beat = time.perf_counter(), time.thread_time()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now, work = time.perf_counter(), time.thread_time()
        self._longest = max(self._longest, now - self._last_beat - _BEAT_MS / 1000)
        self._most_work = max(self._most_work, work - self._work_at_beat)
        self._last_beat, self._work_at_beat = now, work

    def wait(self, seconds: float) -> None:
        """Run the event loop for some seconds."""
        loop = QEventLoop()
        QTimer.singleShot(max(1, round(1000 * seconds / self._pace)), loop.quit)
        loop.exec()

    def wait_for_picture(self) -> None:
        """Run the event loop until the window shows a picture."""
        player, end = self._window.player, time.perf_counter() + _PATIENCE_S
        while not player.gauges.journeys:
            if not player.running:
                raise LivefanError(self._window.status_bar.message.text())
            if time.perf_counter() > end:
                raise LivefanError(f"no picture within {_PATIENCE_S:.0f} s")
            self.wait(0.002)

    def act(self, name: str, effect: Callable[[], object], seconds: float = _ACT_S) -> None:
        """Perform an action, run the event loop, and record the longest time without handling events."""
        self._beat()
        self._longest = self._most_work = 0.0
        effect()
        self.wait(seconds)
        self.held_up[name].append(self._longest)
        self.worked[name].append(self._most_work)

    def act_on_everything(self) -> None:
        """Use every part of the window once."""
        window, acts = self._window, self._window.controls
        self.act("open the plots", window.panels.plots.show)
        self.act("draw the plots", lambda: None, 2.0)
        self.act("hold the picture", acts.play.trigger)
        self.act("step forwards", acts.forward.trigger)
        self.act("step back", acts.back.trigger)
        self.act("move the scrubber", lambda: window.transport.sought.emit(2.0))
        self.act("move the mouse over the picture", self._move_mouse)
        self.act("continue", acts.play.trigger)
        self.act("magnify", lambda: window.view.magnify(3.0))
        self.act("fit the picture", acts.fit.trigger)
        self.act("mirror", acts.mirror.trigger)
        self.act("show numbers", acts.parts["numbers"].trigger)
        self.act("change smoothing", lambda: window.tool_bar.smoothing.setValue(20))
        self.act("copy the picture", acts.copy.trigger)
        self.act("save a snapshot", acts.snapshot.trigger)
        self.act("start comparing", acts.compare.trigger, 3.0)
        for layout in (Layout.OVERLAID, Layout.WIPE, Layout.DIFFERENCE):
            self.act(f"layout {layout}", acts.layouts[layout].trigger)
        self.act("stop comparing", acts.compare.trigger)
        self.act("dark theme", acts.themes["dark"].trigger)
        self.act("light theme", acts.themes["light"].trigger)
        self.act("resize the window", lambda: window.resize(1024, 640))
        self.act("enter full screen", acts.full_screen.trigger)
        self.act("leave full screen", acts.full_screen.trigger)

    def undo(self) -> None:
        """Undo the changes of :meth:`act_on_everything`."""
        window, acts = self._window, self._window.controls
        for panel in (window.panels.plots, window.panels.models):
            panel.hide()
        for toggle in (acts.mirror, acts.parts["numbers"]):
            toggle.trigger()
        window.tool_bar.smoothing.setValue(50)
        window.resize(self._size)
        self.wait(_ACT_S)

    def _move_mouse(self) -> None:
        view = self._window.view
        for share in np.linspace(0.2, 0.8, 20):
            place = QPointF(share * view.width(), share * view.height())
            none, keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
            where = view.mapToGlobal(place)
            QApplication.sendEvent(view, QMouseEvent(QEvent.Type.MouseMove, place, where, none, none, keys))


def drive(clip: str, choice: ModelChoice, pace: float, rounds: int, begun_at: float) -> WindowReport:
    """Run the script once.

    Args:
        clip: recording to show.
        choice: model.
        pace: speed of the script.
        rounds: number of times that every part of the window is used.
        begun_at: start of the process, in seconds of :func:`time.time`.
    """
    application = make_application()
    collect_in_this_thread()
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        settings = QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat)
        before = threading.active_count()
        window = open_window(
            CliOverrides(source=clip, first=choice, loop=True),
            settings=settings,
            pictures=Path(folder),
            videos=Path(folder),
        )
        driver = _Drive(window, pace)
        driver.wait_for_picture()
        start = time.time() - begun_at
        driver.wait(_WARM_UP_S)
        window.player.gauges.clear()
        driver.act("watch", lambda: None, _STEADY_S)
        driver.wait_for_picture()  # on a slow machine
        journeys = window.player.gauges.journeys
        latencies = [journey.total for journey in journeys]
        for _ in range(rounds):
            driver.act_on_everything()
            driver.undo()
        closing_at = time.perf_counter()
        window.close()
        while threading.active_count() > before and time.perf_counter() - closing_at < 10:
            driver.wait(0.002)
        closing = time.perf_counter() - closing_at
    return WindowReport(
        platform=application.platformName(),
        start=1000 * start,
        latency=1000 * float(np.median(latencies)),
        latency_p95=1000 * float(np.percentile(latencies, 95)),
        painted_per_second=len(journeys) * pace / _STEADY_S,
        held_up={name: 1000 * median(each) for name, each in driver.held_up.items()},
        held_up_most={name: 1000 * max(each) for name, each in driver.held_up.items()},
        worked={name: 1000 * median(each) for name, each in driver.worked.items()},
        closing=1000 * closing,
        threads_left=threading.active_count() - before,
    )


def main() -> int:
    """Run the script with the arguments of the command line and print the report as JSON."""
    clip, weights, runtime, precision, threads, device, pace, rounds, begun_at = sys.argv[1:]
    choice = ModelChoice(weights, runtime, precision, threads=int(threads), device=device)
    try:
        report = drive(clip, choice, float(pace), int(rounds), float(begun_at))
    except LivefanError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(asdict(report)))
    return 0


if __name__ == "__main__":
    end_process(main())
