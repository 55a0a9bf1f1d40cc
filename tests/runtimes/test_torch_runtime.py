import threading

import numpy as np
import pytest
import torch

from livefan.networks.checkpoint import Weights
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.torch_runtime import TorchRuntime


@pytest.mark.slow
def test_number_of_threads_is_restored_after_an_inference(weights: Weights, crops: np.ndarray):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        runtime = open_runtime(weights, RuntimeChoice("torch", "float32", threads=2))
        inside: list[int] = []
        hook = weights.model.register_forward_hook(lambda *_: inside.append(torch.get_num_threads()))
        runtime.run(crops)
        hook.remove()
        assert inside == [2]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_inferences_in_several_threads_restore_the_number(weights: Weights, crops: np.ndarray):
    before = torch.get_num_threads()
    runtimes = [TorchRuntime(weights, threads=count) for count in (1, 2, 3)]
    threads = [
        threading.Thread(target=lambda runtime=runtime: [runtime.run(crops[:1]) for _ in range(3)])
        for runtime in runtimes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.get_num_threads() == before
