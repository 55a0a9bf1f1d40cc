"""Render the results of a session in a thread, so that neither the models nor the window wait."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from livefan.live.close_up import CloseUp
from livefan.live.priority import WORKER_NICENESS, lower_priority
from livefan.live.render import Picture, Shown, leading_result, natural_size, pane_size, render
from livefan.live.result import Pair, Result
from livefan.live.view_state import Layout, View

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Painted:
    """A rendered picture with its context.

    Attributes:
        picture: the picture.
        shown: its content.
        view: its view; zoom and centre follow the face in a close-up.
        captured_at: capture time of its newest frame.
        seconds: time of rendering.
        is_new: whether its frame is newer than all frames before.
    """

    picture: Picture
    shown: Shown
    view: View
    captured_at: float
    seconds: float
    is_new: bool


class Painter:
    """Renders the newest result or pair whenever it or the view changes.

    Args:
        on_painted: gets every picture, from the painter's thread.
        on_error: gets a message, from the painter's thread, when a picture could not be rendered or handed
            over. The painter drops that picture and goes on with the next.
    """

    def __init__(
        self, on_painted: Callable[[Painted], None], on_error: Callable[[str], None] = lambda message: None
    ) -> None:
        self._on_painted = on_painted
        self._on_error = on_error
        self._shown = Shown()
        self._view = View()
        self._size = (960, 540)
        self._close_up = CloseUp()
        self._changed = threading.Condition()
        self._due = False
        self._stopping = False
        self._painted_until = -np.inf  # the latest captured_at of any frame painted; of the painter's thread
        self._thread = threading.Thread(target=self._run, name="livefan-painter", daemon=True)
        self._thread.start()

    @property
    def view(self) -> View:
        """The view."""
        return self._view

    @property
    def shown(self) -> Shown:
        """The newest result and pair."""
        return self._shown

    def look(self, view: View) -> None:
        """Change the view."""
        with self._changed:
            self._view = view
            self._wake()

    def follow_face(self, track_id: int) -> None:
        """Follow this face in the close-up."""
        with self._changed:
            self._close_up.choose(track_id)
            self._wake()

    def resize(self, width: int, height: int) -> None:
        """Change the size of pictures, in pixels."""
        with self._changed:
            self._size = (width, height)
            self._wake()

    def see_first(self, result: Result) -> None:
        """Add a result of the first model."""
        with self._changed:
            pair = self._shown.pair
            has_heatmaps = pair is not None and bool(result.heatmaps) and _same_frame(result, pair.first)
            if pair is not None and has_heatmaps:  # of the paused frame
                pair = replace(pair, first=replace(pair.first, heatmaps=result.heatmaps))
            self._shown = Shown(pair.first if pair is not None and has_heatmaps else result, pair)
            if self._view.layout is Layout.SINGLE or pair is None or has_heatmaps:
                self._wake()

    def see_second(self, result: Result) -> None:
        """Add the heatmaps of the second model to the pair of the paused frame."""
        with self._changed:
            pair = self._shown.pair
            if pair is not None and result.heatmaps and _same_frame(result, pair.second):
                pair = replace(pair, second=replace(pair.second, heatmaps=result.heatmaps))
                self._shown = replace(self._shown, pair=pair)
                self._wake()

    def see_pair(self, pair: Pair) -> None:
        """Add a pair of results; heatmaps that the first model has added since to its result are kept.

        A pair with other faces than the first model's result of the same frame replaces these faces.
        """
        with self._changed:
            first = self._shown.first
            if first is not None and first.heatmaps and _same_frame(first, pair.first):
                pair = replace(pair, first=replace(pair.first, heatmaps=first.heatmaps))
            others = first is not None and first.faces is not pair.first.faces
            recalled = first is not None and others and _same_frame(first, pair.first)
            self._shown = Shown(pair.first if recalled else first, pair)
            if recalled or self._view.layout is not Layout.SINGLE:
                self._wake()

    def forget(self, *, all_of_it: bool = False) -> None:
        """Forget the pair, or the result and the close-up too."""
        with self._changed:
            if all_of_it:
                self._close_up.forget()
            self._shown = Shown() if all_of_it else Shown(self._shown.first)
            self._wake()

    def draw_full_size(self) -> np.ndarray | None:
        """Return the picture at the frame's size, ``(height, width, 3)`` uint8 BGR; None without a result."""
        with self._changed:
            shown, view = self._shown, self._view
            size = natural_size(shown, view.layout)
            view = replace(self._aimed(shown, view, size), letters=1.0)
        return render(shown, view, size).image if shown.first is not None else None

    def stop(self, timeout: float | None = 1.0) -> None:
        """End the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)

    def _aimed(self, shown: Shown, view: View, size: tuple[int, int]) -> View:
        """Return the view, moved onto the face in a close-up; the caller holds the lock."""
        leading = leading_result(shown, view.layout)
        if leading is None or not view.close_up:
            return view
        self._close_up.follow(leading)
        return self._close_up.applied(view, leading.frame.image.shape, pane_size(shown, view.layout, size))

    def _wake(self) -> None:
        self._due = True
        self._changed.notify_all()

    def _run(self) -> None:
        lower_priority(WORKER_NICENESS)
        while self._wait():
            try:
                self._paint()
            except Exception as failure:
                _LOG.exception("the painter failed")
                with self._changed:
                    self._shown = Shown()
                self._on_error(f"internal error: {type(failure).__name__}: {failure}")

    def _wait(self) -> bool:
        """Wait until there is something to paint; False when the painter is stopped."""
        with self._changed:
            while not self._due and not self._stopping:
                self._changed.wait(0.5)
            self._due = False
            return not self._stopping

    def _paint(self) -> None:
        with self._changed:
            shown, size = self._shown, self._size
            view = self._aimed(shown, self._view, size)
        started = time.perf_counter()
        picture = render(shown, view, size)
        captured_at = max(
            (pane.result.frame.captured_at for pane in picture.panes), default=self._painted_until
        )
        is_new = captured_at > self._painted_until
        self._painted_until = max(captured_at, self._painted_until)
        seconds = time.perf_counter() - started
        if not self._stopping:
            self._on_painted(Painted(picture, shown, view, captured_at, seconds, is_new))


def _same_frame(one: Result, other: Result) -> bool:
    return (one.epoch, one.frame.index) == (other.epoch, other.frame.index)
