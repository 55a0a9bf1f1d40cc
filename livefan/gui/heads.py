"""The heads of the network that the window needs."""

from __future__ import annotations

from livefan.live.view_state import View
from livefan.networks.checkpoint_info import HEADS, Head


def heads_in_use(view: View, *, live: bool, panel: bool, passed_on: bool) -> frozenset[Head]:
    """Return the heads whose outputs are shown, recorded or sent.

    Args:
        view: how the faces are drawn.
        live: whether the source is a camera or a stream; along a recording, blinks are marked.
        panel: whether the panel of expressions is visible.
        passed_on: whether results are recorded as data or sent to other programs.
    """
    used = {
        "expressions": panel or passed_on or not live or (view.overlay and view.style.gaze),
        "reliability": passed_on or (view.overlay and view.style.points),
    }
    return frozenset(head for head in HEADS if used[head])
