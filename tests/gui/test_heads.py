"""The heads that the window needs."""

import pytest

from livefan.gui.heads import heads_in_use
from livefan.live.view_state import View

CAMERA = {"live": True, "panel": False, "passed_on": False}


@pytest.mark.parametrize(
    ("view", "changes", "heads"),
    [
        (View(), {}, {"reliability"}),
        (View(overlay=False), {}, set()),
        (View(style=View().style.having(points=False)), {}, set()),
        (View(style=View().style.having(gaze=True)), {}, {"expressions", "reliability"}),
        (View(overlay=False), {"panel": True}, {"expressions"}),
        (View(overlay=False), {"live": False}, {"expressions"}),
        (View(overlay=False), {"passed_on": True}, {"expressions", "reliability"}),
    ],
)
def test_only_heads_that_are_shown_recorded_or_sent_run(
    view: View, changes: dict[str, bool], heads: set[str]
):
    assert heads_in_use(view, **(CAMERA | changes)) == heads
