"""The heads that a live session needs."""

from typing import Any

import pytest

from livefan.live.heads import heads_in_use
from livefan.live.view_state import View
from livefan.outputs.output_group import make_output

HIDDEN = View(overlay=False)
GAZE = View(overlay=False, style=View().style.having(points=False, gaze=True))


@pytest.mark.parametrize(
    ("view", "uses", "heads"),
    [
        (View(), {}, {"reliability"}),
        (View(style=View().style.having(points=False)), {}, set()),
        (View(style=View().style.having(gaze=True)), {}, {"expressions", "reliability"}),
        (HIDDEN, {}, set()),
        (HIDDEN, {"panel": True}, {"expressions"}),
        (HIDDEN, {"recorded": True}, {"expressions", "reliability"}),
    ],
)
def test_only_heads_that_are_shown_or_recorded_run(view: View, uses: dict[str, Any], heads: set[str]):
    assert heads_in_use(view, **uses) == heads


@pytest.mark.parametrize(
    ("view", "address", "heads"),
    [
        (HIDDEN, "openseeface://", {"expressions"}),
        (HIDDEN, "vmc://", {"expressions"}),
        (HIDDEN, "lsl://livefan", {"expressions"}),
        (HIDDEN, "udp+json://", {"expressions", "reliability"}),
        (HIDDEN, "ws://", {"expressions", "reliability"}),
        (HIDDEN, "camera://", {"reliability"}),
        (GAZE, "camera://", {"expressions"}),
        (GAZE, "camera://?clean", set()),
    ],
)
def test_output_needs_the_heads_that_it_reads(view: View, address: str, heads: set[str]):
    assert heads_in_use(view, sent=make_output(address).reads) == heads
