"""Measure a reliability head on samples that it was not fitted to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata

from livefan.networks.reliability_head import ReliabilityHead
from livefan.training.reliability_samples import Samples
from livefan.training.reliability_views import COVERED

_AT_ONCE = 256
"""Crops in a batch."""


@dataclass(frozen=True)
class Measured:
    """How well a head tells covered landmarks from others, and faces from other crops.

    Attributes:
        occlusion: area under the ROC curve of covered landmarks by kind of cover, and of ``"all"``.
        false_alarms: share of the landmarks of plain faces with a probability of occlusion above 0.5.
        presence: area under the ROC curve of faces against crops without a face.
        empty: largest presence among the computed crops, such as grey ones.
    """

    occlusion: dict[str, float]
    false_alarms: float
    presence: float
    empty: float


@torch.no_grad()
def measure(head: ReliabilityHead, samples: Samples) -> Measured:
    """Measure a head on samples that it was not fitted to."""
    faces = samples.at(samples.is_face)
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(faces.kinds), _AT_ONCE)]
    logits = torch.cat([head.of_landmarks(faces.at_points[i].float(), faces.shape[i])[0] for i in parts])
    found, covered = logits.sigmoid().numpy(), faces.occluded.numpy() > 0.5
    areas = {}
    for kind in (*COVERED, "all"):
        mask = np.isin(faces.kinds, COVERED if kind == "all" else kind)
        areas[kind] = area_under_roc(found[mask].ravel(), covered[mask].ravel())
    presence = head.presence(samples.at_points.float().mean(1))[:, 0].sigmoid().numpy()
    return Measured(
        areas,
        float((found[faces.kinds == "plain"] > 0.5).mean()),
        area_under_roc(presence, samples.is_face),
        float(presence[samples.kinds == "made"].max(initial=0.0)),
    )


def area_under_roc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the ROC curve; NaN if all are positive, or none is.

    Args:
        scores: ``(k,)``.
        positive: ``(k,)`` bool.
    """
    n_positive = int(positive.sum())
    n_pairs = n_positive * (len(positive) - n_positive)
    if not n_pairs:
        return math.nan
    ranks = rankdata(scores)[positive]
    return float(ranks.sum() - n_positive * (n_positive + 1) / 2) / n_pairs
