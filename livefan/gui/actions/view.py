"""Actions that change how the picture is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from livefan.gui.action_context import Action, ActionContext


@dataclass(frozen=True)
class ShowOverlay(Action):
    """Show or hide all drawing."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(overlay=self.on)


@dataclass(frozen=True)
class ShowPart(Action):
    """Show or hide one of :data:`~livefan.drawing.faces.STYLE_PARTS`."""

    part: str
    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        style = context.player.view.style.having(**{self.part: self.on})
        context.player.change_view(style=style)


@dataclass(frozen=True)
class ShowHeatmaps(Action):
    """Show or hide heatmaps."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(heatmaps=self.on)


@dataclass(frozen=True)
class Mirror(Action):
    """Swap left and right, or show the picture as captured."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(mirror=self.on)


@dataclass(frozen=True)
class ShowCloseUp(Action):
    """Follow a face and show it large, or show the whole picture."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(zoom=1.0, centre=(0.5, 0.5), close_up=self.on)


class FitToWindow(Action):
    """Show the whole picture."""

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(zoom=1.0, centre=(0.5, 0.5), close_up=False)


@dataclass(frozen=True)
class Zoom(Action):
    """Multiply the magnification by a factor."""

    factor: float

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.picture.magnify(self.factor)
