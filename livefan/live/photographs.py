"""The photographs of a session: their names and results, for a list of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from livefan.live.result import Pair, Result


@dataclass(frozen=True)
class Photograph:
    """A photograph of the present folder.

    Attributes:
        index: index of its frame.
        name: name of its file.
        n_faces: number of faces found; None until the photograph is processed.
        apart: mean distance between the landmarks of two models, in percent of the inter-ocular distance;
            None without two models or without a face that both found.
    """

    index: int
    name: str
    n_faces: int | None = None
    apart: float | None = None

    @property
    def badges(self) -> tuple[str, ...]:
        """Short texts about the result; none for one face and before the photograph is processed.

        >>> Photograph(0, "a.jpg", n_faces=2, apart=3.14).badges
        ('2 faces', '3.1 % apart')
        """
        badges = []
        if self.n_faces == 0:
            badges.append("no face")
        elif self.n_faces is not None and self.n_faces > 1:
            badges.append(f"{self.n_faces} faces")
        if self.apart is not None:
            badges.append(f"{self.apart:.1f} % apart")
        return tuple(badges)


class Photographs:
    """Collects the results of photographs; for use from any thread.

    Attributes:
        version: rises with every change.
        by_disagreement: whether the photographs farthest apart come first; else the order is the folder's.
    """

    def __init__(self) -> None:
        self.version = 0
        self.by_disagreement = False
        self._names: tuple[str, ...] = ()
        self._results: dict[int, Photograph] = {}
        self._lock = threading.Lock()

    def add(self, result: Result) -> None:
        """Add a result of the first model; results of other sources than photographs are ignored."""
        if result.photographs:
            with self._lock:
                self._store(self._photograph(result))

    def add_pair(self, pair: Pair) -> None:
        """Add the results of two models."""
        if pair.first.photographs:
            apart = pair.apart.overall if pair.apart is not None else None
            with self._lock:
                self._store(replace(self._photograph(pair.first), apart=apart))

    def _photograph(self, result: Result) -> Photograph:
        """Return the photograph of a result with its number of faces; the caller holds the lock."""
        self._names, index = result.photographs, result.frame.index
        before = self._results.get(index, Photograph(index, self._names[index]))
        return replace(before, n_faces=len(result.faces))

    def _store(self, photograph: Photograph) -> None:
        if self._results.get(photograph.index) != photograph:
            self._results[photograph.index] = photograph
            self.version += 1

    def forget_results(self) -> None:
        """Forget all results, as for another model."""
        with self._lock:
            self._results.clear()
            self.version += 1

    def clear(self) -> None:
        """Forget names and results, as for another source."""
        with self._lock:
            self._names = ()
            self._results.clear()
            self.version += 1

    def all(self) -> list[Photograph]:
        """Return all photographs in their order.

        Sorted by disagreement, photographs without a common face follow those with a distance, and those
        without a result come last.
        """
        with self._lock:
            listed = [
                self._results.get(index, Photograph(index, name)) for index, name in enumerate(self._names)
            ]
        return sorted(listed, key=_disagreement) if self.by_disagreement else listed

    def neighbour(self, index: int, step: int) -> int | None:
        """Return the index of the photograph some places after another, or before it; None at either end."""
        order = [each.index for each in self.all()]
        place = order.index(index) + step if index in order else -1
        return order[place] if 0 <= place < len(order) else None


def _disagreement(photograph: Photograph) -> tuple[int, float, int]:
    """Return a sort key: the largest distance first, then no common face, then no result."""
    if photograph.apart is not None:
        return 0, -photograph.apart, photograph.index
    return (2 if photograph.n_faces is None else 1), 0.0, photograph.index
