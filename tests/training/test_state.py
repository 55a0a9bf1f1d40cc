"""The state of a run."""

import torch

from livefan.networks.mobilefan import MobileFAN
from livefan.training.config import TrainConfig
from livefan.training.learner import Learner, MovingAverage
from livefan.training.objective import Objective
from livefan.training.optimisation import build_optimiser
from livefan.training.state import State


def new_state(scale: float) -> State:
    network = MobileFAN(4, 0.5)
    learner = Learner(network)
    optimiser = build_optimiser(learner.parameters(), TrainConfig())
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    return State(learner, MovingAverage(network, 0.9), optimiser, scaler)


def test_loss_scale_of_float16_is_restored():
    saved, restored = new_state(1024.0), new_state(65536.0)
    saved.scaler.load_state_dict(saved.scaler.state_dict() | {"_growth_tracker": 7})
    restored.load(saved.tensors())
    assert restored.scaler.get_scale() == 1024.0
    assert restored.scaler.state_dict() == saved.scaler.state_dict()
    assert torch.equal(restored.learner.network.head.weight, saved.learner.network.head.weight)


def test_networks_of_a_run_compute_in_the_chosen_format():
    learner = Learner(MobileFAN(4, 0.5)).eval()
    points_crop = torch.rand(2, 4, 2, generator=torch.Generator().manual_seed(0)) * 64
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    formats: list[torch.dtype] = []
    learner.network.head.register_forward_hook(lambda module, given, maps: formats.append(maps.dtype))
    for dtype in (torch.float32, torch.bfloat16):
        Objective(TrainConfig(), None, dtype)(learner, x, points_crop)
    assert formats == [torch.float32, torch.bfloat16]
