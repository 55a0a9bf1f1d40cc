"""Actions that choose models and compare them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from PyQt6.QtCore import QCoreApplication

from livefan.core.errors import LivefanError
from livefan.gui.action_context import Action, ActionContext, Part
from livefan.gui.player import Player
from livefan.live.view_state import Layout
from livefan.tracking.model_spec import ModelChoice, rival

WEIGHTS_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class UseWeights(Action):
    """Run the model of a weight file."""

    path: str

    def act(self, context: ActionContext) -> None:
        """Change the session's model."""
        player = context.player
        player.choose_first(ModelChoice(self.path, threads=player.config.first.threads))


@dataclass(frozen=True)
class CompareWith(Action):
    """Compare with a network of another project."""

    redraws = Part.CONTROLS
    path: str

    def act(self, context: ActionContext) -> None:
        """Start the comparison, in the layout of the last one."""
        player, preferences = context.player, context.preferences
        if player.config.second is None:
            player.change_view(layout=preferences.layout, close_up=preferences.close_up)
        player.choose_second(ModelChoice(self.path, threads=player.config.first.threads))
        context.window.show_models_panel()


@dataclass(frozen=True)
class Compare(Action):
    """Compare with the second model of the last comparison, or end the comparison."""

    redraws = Part.CONTROLS
    on: bool

    def act(self, context: ActionContext) -> None:
        """Start or end the comparison."""
        player, preferences = context.player, context.preferences
        if not self.on:
            preferences.save_session(player.config, player.view, context.theme)
            player.change_view(layout=Layout.SINGLE, close_up=False)
            player.choose_second(None)
            return
        first, second = player.config.first, preferences.second_model
        player.choose_second(second if second not in (None, first) else rival(first))
        player.change_view(layout=preferences.layout, close_up=preferences.close_up)
        context.window.show_models_panel()


@dataclass(frozen=True)
class SetEveryFrame(Action):
    """Run both models on every frame, or let the second keep up with real time."""

    redraws = Part.CONTROLS
    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the session."""
        context.player.change(every_frame=self.on)


@dataclass(frozen=True)
class ExportReport(Action):
    """Write the report of the comparison, as the command ``compare`` does.

    Attributes:
        folder: gets a new folder with the report; by default the user is asked.
    """

    folder: str = ""

    def ask(self, context: ActionContext) -> Self | None:
        """Ask for the folder."""
        folder = self.folder or context.dialogs.choose_report_folder()
        return replace(self, folder=folder) if folder else None

    def act(self, context: ActionContext) -> None:
        """Start to write the report in a thread."""
        player = context.player
        if not can_report(player):
            raise LivefanError(
                QCoreApplication.translate("actions", "No report: compare two models on a recording first.")
            )
        player.reports.start(player.config, context.new_report(Path(self.folder)), player.view.layout)


class CancelReport(Action):
    """End the report that is being written."""

    def act(self, context: ActionContext) -> None:
        """Cancel it."""
        context.player.reports.cancel()


def can_report(player: Player) -> bool:
    """Return whether two models are compared on a recording or on photographs."""
    session = player.session
    return player.config.second is not None and session is not None and session.live is False


@dataclass(frozen=True)
class SetLayout(Action):
    """Arrange the pictures of two models."""

    layout: Layout

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(layout=self.layout)
