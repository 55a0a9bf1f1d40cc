"""Load batches of augmented faces ahead of the training step."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import numpy as np
import torch
from torch import Tensor

from livefan.training.augmentation.augment import TrainingFaces


class Loader:
    """Augments batches in threads, ahead of the training step.

    Threads share the faces in memory. Processes would copy them, and a fork beside the threads of OpenCV and
    OpenMP can hang. Most of the work releases the interpreter's lock.

    Args:
        faces: the faces to augment.
        batch_size: faces a batch, over all processes. The last, incomplete batch of an epoch is left out.
        seed: decides the order.
        threads: number of threads.
        rank, processes: this process takes every ``processes``-th face of each batch, starting at ``rank``.
    """

    def __init__(
        self,
        faces: TrainingFaces,
        batch_size: int,
        seed: int,
        threads: int,
        *,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self._faces, self._batch_size, self._seed = faces, batch_size, seed
        self._threads = threads
        self._rank, self._processes = rank, processes

    def __len__(self) -> int:
        return len(self._faces) // self._batch_size

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch, counted from 0. Consecutive batches take the input sizes in turn.

        Yields:
            ``(batch, size, size, 3)`` uint8 BGR crops, and ``(batch, n, 2)`` float32 points in crop pixels.
        """
        count = len(self._faces)
        order = np.random.default_rng((self._seed, number)).permutation(count) + number * count
        batches = order[: len(self) * self._batch_size].reshape(len(self), -1)
        sizes = islice(cycle(self._faces.config.input_sizes), number * len(self), None)
        todo = zip(batches[:, self._rank :: self._processes].tolist(), sizes, strict=False)
        with ThreadPoolExecutor(self._threads) as pool:
            ahead = deque(pool.submit(self._batch, *batch) for batch in islice(todo, 4 * self._threads))
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(pool.submit(self._batch, *batch) for batch in islice(todo, 1))

    def _batch(self, keys: list[int], size: int) -> tuple[Tensor, Tensor]:
        crops, points = zip(*(self._faces.sample(key, size) for key in keys), strict=True)
        return torch.stack(crops), torch.stack(points)
