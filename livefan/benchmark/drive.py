"""Drives the window by itself and prints what it took; run by :mod:`livefan.benchmark.window`."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from livefan.gui.app import leave_qt_to_pyqt

leave_qt_to_pyqt()

from PyQt6.QtCore import QEvent, QObject, QPointF, QSettings, Qt  # noqa: E402
from PyQt6.QtGui import QMouseEvent  # noqa: E402
from PyQt6.QtWidgets import QApplication  # noqa: E402

from livefan.benchmark.window import WindowReport  # noqa: E402
from livefan.errors import LivefanError  # noqa: E402
from livefan.gui.app import make_application  # noqa: E402
from livefan.gui.settings import Asked  # noqa: E402
from livefan.gui.window import MainWindow  # noqa: E402
from livefan.live.scene import Layout  # noqa: E402
from livefan.model_choice import ModelChoice  # noqa: E402

_WARM_UP_S, _STEADY_S, _ACT_S = 3.0, 12.0, 0.6
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class _Handled:
    seconds: float
    what: str


class _TimedApplication(QApplication):
    """Takes the time of every event that is delivered, with all that it leads to at once."""

    def __init__(self) -> None:
        super().__init__(sys.argv[:1])
        self.longest = _Handled(0.0, "")
        self._within = False

    def notify(self, receiver: QObject | None, event: QEvent | None) -> bool:
        """Deliver an event."""
        if self._within:
            return super().notify(receiver, event)
        self._within = True
        kind = event.type() if event is not None else None
        begun = time.perf_counter()
        try:
            return super().notify(receiver, event)
        finally:
            self.note(begun, f"{getattr(kind, 'name', kind)} to {type(receiver).__name__}")
            self._within = False

    def note(self, begun: float, what: str) -> None:
        """Take in what was begun then and has ended now."""
        seconds = time.perf_counter() - begun
        if seconds > self.longest.seconds:
            self.longest = _Handled(seconds, what)


class _Drive:
    """A user at the window."""

    def __init__(self, application: _TimedApplication, window: MainWindow, pace: float) -> None:
        self._application = application
        self._pace = pace
        self._window = window
        self.handlers: dict[str, _Handled] = {}

    def wait(self, seconds: float) -> None:
        """Let the window work for a while."""
        end = time.perf_counter() + seconds / self._pace
        while (left := end - time.perf_counter()) > 0:
            self._application.processEvents()
            time.sleep(min(0.001, left))

    def wait_for_picture(self) -> None:
        """Let the window work until it has shown a picture."""
        player, end = self._window.player, time.perf_counter() + _PATIENCE_S
        while not player.gauges.journeys:
            if not player.running:
                raise LivefanError(self._window.message.text())
            if time.perf_counter() > end:
                raise LivefanError(f"no picture was shown in {_PATIENCE_S:.0f} s")
            self.wait(0.002)

    def act(self, name: str, effect: Callable[[], object], seconds: float = _ACT_S) -> None:
        """Do something, watch what it leads to, and note the longest that the window was held up by it."""
        self._application.longest = _Handled(0.0, "")
        begun = time.perf_counter()
        effect()
        self._application.note(begun, name)
        self.wait(seconds)
        self.handlers[name] = self._application.longest

    def act_on_everything(self) -> None:
        """Use every part of the window once."""
        window, acts = self._window, self._window.acts
        self.act("plots are opened", window.plots_dock.show)
        self.act("plots are drawn", lambda: None, 2.0)
        self.act("it is held", acts.play.trigger)
        self.act("a step forwards", acts.forward.trigger)
        self.act("a step back", acts.back.trigger)
        self.act("the scrubber is moved", lambda: window.transport.sought.emit(2.0))
        self.act("the mouse is moved over the picture", self._move_mouse)
        self.act("it goes on", acts.play.trigger)
        self.act("it is magnified", lambda: window.view.magnify(3.0))
        self.act("the whole picture again", acts.fit.trigger)
        self.act("the mirror", acts.mirror.trigger)
        self.act("numbers are shown", acts.parts["numbers"].trigger)
        self.act("smoothing is changed", lambda: window.smoothing.setValue(20))
        self.act("the picture is copied", acts.copy.trigger)
        self.act("a snapshot is saved", acts.snapshot.trigger)
        self.act("models are compared", acts.compare.trigger, 3.0)
        for layout in (Layout.OVERLAID, Layout.WIPE, Layout.DIFFERENCE):
            self.act(f"the layout is {layout}", acts.layouts[layout].trigger)
        self.act("comparing ends", acts.compare.trigger)
        self.act("the theme is dark", acts.themes["dark"].trigger)
        self.act("the theme is light", acts.themes["light"].trigger)
        self.act("the window is resized", lambda: window.resize(1024, 640))
        self.act("full screen", acts.full_screen.trigger)
        self.act("out of full screen", acts.full_screen.trigger)

    def _move_mouse(self) -> None:
        view = self._window.view
        for share in np.linspace(0.2, 0.8, 20):
            place = QPointF(share * view.width(), share * view.height())
            none, keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
            where = view.mapToGlobal(place)
            self._application.sendEvent(
                view, QMouseEvent(QEvent.Type.MouseMove, place, where, none, none, keys)
            )


def drive(clip: str, choice: ModelChoice, pace: float, begun_at: float) -> WindowReport:
    """A whole run.

    Args:
        clip: a recording.
        choice: the model.
        pace: how many times faster than a user everything is done.
        begun_at: when the process was started, in seconds of :func:`time.time`.
    """
    application = _TimedApplication()
    make_application()
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        settings = QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat)
        before = threading.active_count()
        window = MainWindow(
            Asked(source=clip, first=choice, loop=True), settings=settings, pictures=Path(folder)
        )
        window.show()
        driver = _Drive(application, window, pace)
        driver.wait_for_picture()
        start = time.time() - begun_at
        driver.wait(_WARM_UP_S)
        window.player.gauges.clear()
        driver.act("it is watched", lambda: None, _STEADY_S)
        journeys = window.player.gauges.journeys
        latencies = [journey.total for journey in journeys]
        driver.act_on_everything()
        closing_at = time.perf_counter()
        window.close()
        while threading.active_count() > before and time.perf_counter() - closing_at < 10:
            driver.wait(0.002)
        closing = time.perf_counter() - closing_at
    longest = max(driver.handlers.values(), key=lambda handled: handled.seconds)
    return WindowReport(
        platform=application.platformName(),
        start=1000 * start,
        latency=1000 * float(np.median(latencies)),
        latency_p95=1000 * float(np.percentile(latencies, 95)),
        painted_per_second=len(journeys) * pace / _STEADY_S,
        handlers={name: 1000 * handled.seconds for name, handled in driver.handlers.items()},
        longest=longest.what,
        closing=1000 * closing,
        threads_left=threading.active_count() - before,
    )


def main() -> int:
    """Run once, as the arguments say, and print the report as JSON."""
    clip, weights, runtime, precision, threads, pace, begun_at = sys.argv[1:]
    choice = ModelChoice(weights, runtime, precision, threads=int(threads))
    try:
        report = drive(clip, choice, float(pace), float(begun_at))
    except LivefanError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(report.as_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
