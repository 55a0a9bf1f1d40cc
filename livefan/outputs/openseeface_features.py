"""The 14 features of OpenSeeFace, from ARKit coefficients.

OpenSeeFace measures each as a deviation from the person's median, from about -1 to 1. The signs below are
those of its tracker. Its corner of the mouth is positive where it is lower than usual.
"""

from __future__ import annotations

from collections.abc import Mapping

_SIDES = ("Left", "Right")


def features(values: Mapping[str, float]) -> list[float]:
    """Return the features in the order of the packet; unknown coefficients count as 0."""

    def known(name: str) -> float:
        return values.get(name, 0.0)

    eyes = [known(f"eyeWide{side}") - known(f"eyeBlink{side}") for side in _SIDES]
    brows: list[float] = []
    corners: list[float] = []
    for side in _SIDES:
        inner, outer, down = known("browInnerUp"), known(f"browOuterUp{side}"), known(f"browDown{side}")
        steepness, up, quirk = inner - outer - down / 2, (inner + outer) / 2 - down, outer - down / 2
        brows += [steepness, up, quirk]
        smile, stretch = known(f"mouthSmile{side}"), known(f"mouthStretch{side}")
        narrow = (known("mouthPucker") + known("mouthFunnel")) / 2
        corners += [known(f"mouthFrown{side}") - smile, max(smile, stretch) - narrow]
    opened = known("jawOpen") - known("mouthClose")
    wide = (corners[1] + corners[3]) / 2
    return [min(1.0, max(-1.0, value)) for value in (*eyes, *brows, *corners, opened, wide)]
