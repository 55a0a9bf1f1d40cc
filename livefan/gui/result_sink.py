"""Pass the results of a session on to statistics, painter, recordings and outputs."""

from __future__ import annotations

from collections.abc import Callable

from livefan.gui.live_outputs import LiveOutputs
from livefan.gui.recordings import Recordings
from livefan.live.paint_thread import Painter
from livefan.live.photographs import Photographs
from livefan.live.result import Pair, Result
from livefan.live.statistics import Gauges


class ResultSink:
    """Receives the results of a session, from its threads.

    Args:
        gauges, photographs, painter, recordings, outputs: get the results.
        on_opened: called with the first result of each session.
    """

    def __init__(
        self,
        gauges: Gauges,
        photographs: Photographs,
        painter: Painter,
        recordings: Recordings,
        outputs: LiveOutputs,
        on_opened: Callable[[], None],
    ) -> None:
        self._gauges, self._photographs = gauges, photographs
        self._painter, self._recordings, self._outputs = painter, recordings, outputs
        self._on_opened = on_opened
        self._has_result = False

    def forget(self) -> None:
        """Forget the results of the last session."""
        self._gauges.clear()
        self._photographs.clear()
        self._painter.forget(all_of_it=True)
        self._outputs.forget()
        self._has_result = False

    def add_first(self, result: Result) -> None:
        """Add a result of the first model."""
        if not self._has_result:
            self._has_result = True
            self._on_opened()
        self._outputs.add_result(result)
        self._gauges.see(0, result)
        self._photographs.add(result)
        self._painter.see_first(result)
        self._recordings.add_result(result)

    def add_second(self, result: Result) -> None:
        """Add a result of the second model."""
        self._gauges.see(1, result)
        self._painter.see_second(result)

    def add_pair(self, pair: Pair) -> None:
        """Add the results of both models on a frame."""
        shown = self._gauges.see_pair(pair)
        self._photographs.add_pair(pair)
        self._painter.see_pair(shown)
