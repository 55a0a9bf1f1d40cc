"""Start the session before the window is built: the networks load in the meantime.

Nothing here imports widgets.
"""

from __future__ import annotations

from livefan.gui.player import Player
from livefan.gui.preferences import Preferences
from livefan.gui.session_config import CliOverrides


def new_player(overrides: CliOverrides, preferences: Preferences) -> Player:
    """Return a player with the options of the command line and the remembered settings."""
    config = preferences.session_config(overrides)
    return Player(config, preferences.view(overrides, comparing=config.second is not None))


def start_early(overrides: CliOverrides, preferences: Preferences) -> Player:
    """Return a player that plays the source of the command line, if any.

    A recording must not miss the first frames: the window starts such a session.
    """
    player = new_player(overrides, preferences)
    if overrides.source is not None and overrides.record is None and overrides.record_clean is None:
        player.start()
    return player
