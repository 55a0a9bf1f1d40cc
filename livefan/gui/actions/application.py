"""Actions on the window as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from livefan.gui.action_context import Action, ActionContext, Part


@dataclass(frozen=True)
class ShowFullScreen(Action):
    """Show the picture alone on the whole screen, or in the window."""

    redraws = Part.FRAME | Part.CONTROLS
    keeps_saved = True
    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the state."""
        context.full_screen = self.on


@dataclass(frozen=True)
class SetTheme(Action):
    """Use one of :data:`~livefan.gui.session_config.THEMES`."""

    redraws = Part.THEME | Part.CONTROLS
    theme: str

    def act(self, context: ActionContext) -> None:
        """Change the state."""
        context.theme = self.theme


class DismissError(Action):
    """Hide the error message."""

    def act(self, context: ActionContext) -> None:
        """Forget the error."""
        context.player.messages.dismiss_error()


class Quit(Action):
    """Close the window."""

    def act(self, context: ActionContext) -> None:
        """Close the window."""
        context.window.close()


class ShowShortcuts(Action):
    """Show the keyboard and mouse shortcuts."""

    def act(self, context: ActionContext) -> None:
        """Open the list."""
        context.dialogs.show_shortcuts()


class ShowAbout(Action):
    """Show version and licence."""

    def act(self, context: ActionContext) -> None:
        """Open the description."""
        context.dialogs.show_about()
