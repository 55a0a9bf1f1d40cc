"""The heads of the network that a live session needs."""

from __future__ import annotations

from collections.abc import Collection

from livefan.live.view_state import View
from livefan.networks.checkpoint_info import HEADS, Head
from livefan.outputs.base import Read


def heads_in_use(
    view: View, *, panel: bool = False, recorded: bool = False, sent: Collection[Read] = ()
) -> frozenset[Head]:
    """Return the heads whose outputs are shown, recorded or sent.

    Args:
        view: how the faces are drawn.
        panel: whether the panel of expressions is visible.
        recorded: whether results are recorded as data.
        sent: the parts of results that outputs read.
    """
    drawn = view.overlay or "drawing" in sent
    used = {
        "expressions": panel or recorded or "expressions" in sent or (drawn and view.style.gaze),
        "reliability": recorded or "reliability" in sent or (drawn and view.style.points),
    }
    return frozenset(head for head in HEADS if used[head])
