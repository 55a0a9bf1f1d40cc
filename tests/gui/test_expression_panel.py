"""The panel of expressions."""

from dataclasses import replace

import numpy as np
from pytestqt.qtbot import QtBot

from livefan.core.face_measures import Gaze
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.gui.expression_bars import ExpressionBars
from livefan.gui.expression_panel import ExpressionPanel
from livefan.live.result import Result
from livefan.measures.expressions import NAMES, NeutralFaces

SMILE, JAW = NAMES.index("mouthSmileLeft"), NAMES.index("jawOpen")


class StandInSession:
    def __init__(self) -> None:
        self.neutral = NeutralFaces()
        self.heads = {"expressions"}

    def lacks(self, head: str) -> bool:
        return head not in self.heads


class StandInPlayer:
    def __init__(self) -> None:
        self.session = StandInSession()


def values(**coefficients: float) -> np.ndarray:
    found = np.full(len(NAMES), 0.01, np.float32)
    for name, value in coefficients.items():
        found[NAMES.index(name)] = value
    return found


def result_of(expressions: np.ndarray | None) -> Result:
    points = np.random.default_rng(0).uniform(50, 150, (68, 2))
    face = Face(
        *(3, np.array([50.0, 50, 150, 150]), points, np.ones(68)),
        expressions=expressions,
        gaze=Gaze(10.0, 4.0, 12.0, 6.0),
        pupils_px=np.full((2, 2), 80.0),
    )
    return Result(
        frame=Frame(np.zeros((200, 200, 3), np.uint8)),
        faces=[face],
        scheme=IBUG_68,
        label="made",
        runtime="none",
        smoothing=0.0,
        waited=0.0,
        seconds=0.0,
        finished_at=0.0,
        epoch=0,
    )


def test_bars_show_what_moves_strongest_first(qtbot: QtBot):
    bars = ExpressionBars()
    qtbot.addWidget(bars)
    bars.show_values(values(mouthSmileLeft=0.3, jawOpen=0.8))
    assert bars.shown == ["jawOpen", "mouthSmileLeft"]
    bars.show_values(values(mouthSmileLeft=0.35, jawOpen=0.35), 1 / 30)
    assert bars.shown == ["jawOpen", "mouthSmileLeft"]
    bars.show_values(values(mouthSmileLeft=0.9), 4.0)
    assert bars.shown == ["mouthSmileLeft"]
    bars.grab()
    bars.show_values(None)
    assert bars.shown == []


def test_order_of_bars_is_calm_and_bar_that_is_still_leaves_the_top(qtbot: QtBot):
    bars = ExpressionBars()
    qtbot.addWidget(bars)
    bars.show_values(values(jawOpen=0.6, mouthSmileLeft=0.55, browInnerUp=0.3))
    orders = set()
    for number in range(120):  # talk, and a smile that trembles
        talk = 0.3 + 0.3 * np.sin(number)
        bars.show_values(
            values(jawOpen=talk, mouthSmileLeft=0.5 - 0.1 * np.cos(number), browInnerUp=0.3), number / 30
        )
        orders.add(tuple(bars.shown))
    assert len(orders) <= 2
    assert bars.shown[0] == "jawOpen"
    for number in range(120, 140):
        bars.show_values(values(browInnerUp=0.6, jawOpen=0.3), number / 30)
    assert bars.shown[0] == "browInnerUp"
    for number in range(140, 200):
        bars.show_values(values(browInnerUp=0.6, jawOpen=0.3), number / 30)
    assert bars.shown == ["browInnerUp", "jawOpen"]


def test_panel_shows_a_face_and_takes_it_for_neutral(qtbot: QtBot):
    player = StandInPlayer()
    panel = ExpressionPanel(player)
    qtbot.addWidget(panel)
    panel.show_result(result_of(values(jawOpen=0.7)))
    assert panel.bars.shown == ["jawOpen"]
    assert panel.gaze.text() == "gaze: +11° across, +5° up"
    panel.grab()
    unknown = result_of(values(jawOpen=0.7))
    panel.show_result(replace(unknown, faces=[replace(unknown.faces[0], gaze=None)]))
    assert panel.gaze.text() == ""
    assert panel.message.text() == "Face 3"
    panel.show_result(replace(result_of(values(jawOpen=0.7)), neutral=True))
    assert panel.message.text() == "Face 3, measured from neutral"
    panel.neutral.click()
    (face,) = player.session.neutral.calibrated(result_of(values(jawOpen=0.7)).faces, 0.0)
    assert face.expressions[JAW] == 0
    panel.show_result(result_of(None))
    assert not panel.neutral.isEnabled()
    assert panel.message.text() == ""  # the head may be loading
    panel.show_result(result_of(values(jawOpen=0.7)))
    panel.show_result(replace(result_of(values(jawOpen=0.1, mouthPucker=0.15)), epoch=1))
    assert panel.bars.shown == ["mouthPucker", "jawOpen"], "the order begins anew after a jump"
    player.session.heads.clear()
    panel.show_result(result_of(None))
    assert "no expressions" in panel.message.text()
    panel.show_result(None)
