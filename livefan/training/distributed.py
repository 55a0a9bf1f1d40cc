"""The processes of a run: one, or as many as torchrun started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True)
class Processes:
    """This process's place among those of the run.

    Attributes:
        rank: its number, from 0; the first one validates and writes.
        count: how many there are.
        device: what it computes on.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that validates and writes."""
        return self.rank == 0

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The mean of every value over the processes; all must call it, with the same names."""
        if self.count == 1:
            return values
        sums = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        distributed.all_reduce(sums)
        return dict(zip(values, (sums / self.count).tolist(), strict=True))

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def join() -> Iterator[Processes]:
    """Take this process's place in the run: gloo between CPUs, NCCL between GPUs.

    Reads the environment that torchrun sets; without it the process is the only one.
    """
    rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    if count == 1:
        yield Processes(0, 1, device)
        return
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Processes(rank, count, device)
    finally:
        distributed.destroy_process_group()
