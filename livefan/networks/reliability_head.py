"""How far the landmarks of a face can be trusted: occlusion, presence of a face, and expected errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from livefan.networks.map_samples import sample_map
from livefan.networks.shape_refiner import in_own_frame

N_DECODED = 2
"""Values of each landmark beside the samples: its confidence, and the logarithm of its heatmap's width."""
_FINEST, _MIDDLE, _COARSEST = 0, 2, 3
"""Indices of the encoder's maps of strides 4, 16 and 32."""


class ReliabilityHead(nn.Module):
    """Estimate whether landmarks are covered, whether a crop shows a face, and the errors of the landmarks.

    The inputs are maps of the encoder, which computes them for the heatmaps anyway, and the landmarks:

    - samples of the maps of strides 4 and 16 at each landmark, its confidence, and the width of its heatmap;
    - the shape of all landmarks;
    - the mean of the map of stride 32 over the crop, for the presence.

    One linear layer (``reduce``) serves all landmarks. Occlusion and error of a landmark follow from its own
    reduced values (``own``) and from those of all landmarks by a hidden layer (``hidden``, ``output``). A new
    head has no use; :func:`livefan.training.fit_reliability.fit_head` fits it to a trained network.

    Args:
        n_points: number of landmarks.
        channels: channels of the encoder's maps of strides 4, 8, 16 and 32.
        input_size: side of the crops in pixels.
        per_point: values to which the inputs at each landmark are reduced.
        hidden: units of the hidden layer.
    """

    def __init__(
        self,
        n_points: int,
        channels: Sequence[int],
        input_size: int,
        *,
        per_point: int = 16,
        hidden: int = 64,
    ) -> None:
        super().__init__()
        self.input_size, self.n_points = input_size, n_points
        self.n_local = channels[_FINEST] + channels[_MIDDLE] + N_DECODED
        self.n_face = channels[_COARSEST] + N_DECODED
        self.reduce = nn.Linear(self.n_local, per_point)
        self.hidden = nn.Linear(n_points * (per_point + 2), hidden)
        self.output = nn.Linear(hidden, 2 * n_points)
        self.own = nn.Parameter(torch.zeros(n_points, per_point, 2))
        self.presence = nn.Linear(self.n_face, 1)

    @staticmethod
    def sizes(tensors: Mapping[str, Tensor]) -> dict[str, int]:
        """Return the arguments of the constructor that the tensors of a head determine."""
        return {"per_point": len(tensors["reduce.weight"]), "hidden": len(tensors["hidden.weight"])}

    def forward(self, maps: Sequence[Tensor], landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Estimate for a batch of faces.

        Args:
            maps: the encoder's maps, of strides 4, 8, 16 and 32.
            landmarks: ``(batch, n, 4)``: x and y in crop pixels, confidence, and width in crop pixels.

        Returns:
            ``(batch, n)`` probabilities that the landmarks are covered, ``(batch,)`` probabilities that the
            crops show a face, and ``(batch, n)`` expected errors in crop pixels.
        """
        at_points, of_face, shape = self.samples(maps, landmarks)
        occluded, log_error = self.of_landmarks(at_points, shape)
        return occluded.sigmoid(), self.presence(of_face)[:, 0].sigmoid(), log_error.exp() * self.input_size

    def samples(self, maps: Sequence[Tensor], landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs at the landmarks ``(batch, n, l)``, of the face ``(batch, f)``, and the shape.

        The arguments are those of :meth:`forward`.
        """
        points = landmarks[..., :2]
        shape, _ = in_own_frame(points)
        width = (landmarks[..., 3:4] / self.input_size).clamp(min=1e-4).log()
        decoded = torch.cat([landmarks[..., 2:3], width], -1)
        samples = [sample_map(maps[number], points, self.input_size) for number in (_FINEST, _MIDDLE)]
        at_points = torch.cat([*samples, decoded], -1)
        of_face = torch.cat([maps[_COARSEST].mean((2, 3)), decoded.mean(1)], 1)
        return at_points, of_face, shape

    def of_landmarks(self, at_points: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(batch, n)`` logits of occlusion, and logarithms of the errors as shares of the crop."""
        reduced = self.reduce(at_points).relu()
        hidden = self.hidden(torch.cat([reduced.flatten(1), shape], 1)).relu()
        of_all = self.output(hidden).unflatten(1, (self.n_points, 2))
        of_own = (reduced[..., None] * self.own).sum(2)
        occluded, log_error = (of_all + of_own).unbind(-1)
        return occluded, log_error
