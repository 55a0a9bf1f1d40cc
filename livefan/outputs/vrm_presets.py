"""Presets of VRM models as sums of ARKit coefficients.

Each preset is a weighted sum of coefficients, limited to [0, 1]; an unknown coefficient counts as 0. VRM 0
and VRM 1 name the same presets differently. ``Surprised`` exists in VRM 1 alone; many models of VRM 0 have a
clip of that name.

Receivers add the presets. So presets that move the same part of the face share its movement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A preset.

    Attributes:
        names: its names in VRM 0 and VRM 1.
        weights: weight of each ARKit coefficient.
    """

    names: tuple[str, ...]
    weights: Mapping[str, float]

    def value(self, coefficients: Mapping[str, float]) -> float:
        """Return the value of the preset, in [0, 1]."""
        total = sum(weight * coefficients.get(name, 0.0) for name, weight in self.weights.items())
        return min(1.0, max(0.0, total))


def _both(name: str, weight: float) -> dict[str, float]:
    """Return the weight for the left and for the right side."""
    return {f"{name}Left": weight, f"{name}Right": weight}


_BOTH_LIDS = "both lids"
"""The part of ``eyeBlinkLeft`` and ``eyeBlinkRight`` that is common to both."""

PRESETS = (
    # Vowels, by the shape of the lips. A wide open mouth is A; rounded lips turn it into O or U.
    Preset(
        ("A", "aa"), {"jawOpen": 1.3, "mouthFunnel": -0.8, "mouthPucker": -0.8, **_both("mouthSmile", -0.15)}
    ),
    Preset(("I", "ih"), {**_both("mouthStretch", 0.6), **_both("mouthUpperUp", 0.2), "jawOpen": -0.5}),
    Preset(("U", "ou"), {"mouthPucker": 1.0, "jawOpen": -0.4}),
    Preset(("E", "ee"), {**_both("mouthLowerDown", 0.35), **_both("mouthUpperUp", 0.25), "jawOpen": -0.3}),
    Preset(
        ("O", "oh"), {"mouthFunnel": 1.0, "jawOpen": 0.4, **_both("mouthSmile", -0.4), "mouthClose": -0.5}
    ),
    Preset(("Blink", "blink"), {_BOTH_LIDS: 1.0}),
    Preset(("Blink_L", "blinkLeft"), {"eyeBlinkLeft": 1.0, _BOTH_LIDS: -1.0}),
    Preset(("Blink_R", "blinkRight"), {"eyeBlinkRight": 1.0, _BOTH_LIDS: -1.0}),
    Preset(("Joy", "happy"), {**_both("mouthSmile", 0.5), **_both("mouthFrown", -0.5)}),
    Preset(
        ("Angry", "angry"), {**_both("browDown", 0.4), **_both("noseSneer", 0.3), **_both("mouthSmile", -0.5)}
    ),
    Preset(("Sorrow", "sad"), {**_both("mouthFrown", 0.5), "browInnerUp": 0.4, **_both("mouthSmile", -0.5)}),
    # Half of smile and squint, less the smile, which is Joy's.
    Preset(("Fun", "relaxed"), {**_both("mouthSmile", 0.25 - 0.5), **_both("eyeSquint", 0.25)}),
    Preset(
        ("Surprised", "surprised"), {**_both("eyeWide", 0.5), "browInnerUp": 0.5, **_both("browDown", -0.5)}
    ),
    # The person's left is where the left eye looks out and the right eye looks in.
    Preset(("LookUp", "lookUp"), _both("eyeLookUp", 0.5)),
    Preset(("LookDown", "lookDown"), _both("eyeLookDown", 0.5)),
    Preset(("LookLeft", "lookLeft"), {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}),
    Preset(("LookRight", "lookRight"), {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5}),
)


def preset_values(coefficients: Mapping[str, float], *, vrm1: bool) -> dict[str, float]:
    """Return the value of every preset under its name in VRM 0, or in VRM 1."""
    both_lids = min(coefficients.get(f"eyeBlink{side}", 0.0) for side in ("Left", "Right"))
    parts = {**coefficients, _BOTH_LIDS: both_lids}
    return {preset.names[vrm1]: preset.value(parts) for preset in PRESETS}
