"""Actions that choose the source and start or stop it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from livefan.external_models.description import is_described
from livefan.gui.action_context import Action, ActionContext
from livefan.gui.actions.models import WEIGHTS_SUFFIX, CompareWith, UseWeights


@dataclass(frozen=True)
class Watch(Action):
    """Play a source: a camera's index, a path or an address."""

    source: str | int
    size: tuple[int, int] | None = None

    def act(self, context: ActionContext) -> None:
        """Start the source."""
        context.player.watch(self.source, self.size)


@dataclass(frozen=True)
class _Open(Action):
    """Ask for a source and play it."""

    source: str = ""

    def act(self, context: ActionContext) -> None:
        """Start the source."""
        context.player.watch(self.source)

    def _answered(self, source: str) -> Self | None:
        return replace(self, source=source) if source else None


class OpenFile(_Open):
    """Play a video or an image."""

    def ask(self, context: ActionContext) -> Self | None:
        """Ask for the file."""
        return self._answered(context.dialogs.choose_file())


class OpenFolder(_Open):
    """Play a folder of images."""

    def ask(self, context: ActionContext) -> Self | None:
        """Ask for the folder."""
        return self._answered(context.dialogs.choose_folder())


class OpenStream(_Open):
    """Play a stream."""

    def ask(self, context: ActionContext) -> Self | None:
        """Ask for the address."""
        return self._answered(context.dialogs.enter_address())


class Start(Action):
    """Play the chosen source from its beginning."""

    def act(self, context: ActionContext) -> None:
        """Start the session."""
        context.player.start()


class Stop(Action):
    """Stop the session; the last picture stays."""

    def act(self, context: ActionContext) -> None:
        """Stop the session."""
        context.player.stop()


@dataclass(frozen=True)
class WatchFiles(Action):
    """Add those of several files that open to the list of sources, and play the first of them."""

    paths: tuple[str, ...]

    def act(self, context: ActionContext) -> None:
        """Start the first file."""
        context.player.watch_list(self.paths)


class CloseSource(Action):
    """Stop the session and show the start page."""

    def act(self, context: ActionContext) -> None:
        """Close the source."""
        context.player.close_source()


def open_dropped(paths: Sequence[str]) -> Action:
    """Return the action for files or addresses that were dropped on the window."""
    weights = [path for path in paths if path.endswith(WEIGHTS_SUFFIX)]
    if weights:
        return UseWeights(weights[0])
    networks = [path for path in paths if is_described(path)]
    if networks:
        return CompareWith(networks[0])
    return Watch(paths[0]) if len(paths) == 1 else WatchFiles(tuple(paths))
