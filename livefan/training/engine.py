"""The training run: one loop over epochs, with validation, resume and the best weights kept."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from livefan.atomic import whole_file
from livefan.datasets import VALIDATION_SEED, FaceSet
from livefan.decode import decode_soft_argmax
from livefan.errors import LivefanError
from livefan.metrics import inter_ocular, nme
from livefan.model import MobileFAN, normalise
from livefan.scheme import LandmarkScheme
from livefan.training.augment import EvaluationFaces, TrainingFaces
from livefan.training.config import TrainConfig, to_toml
from livefan.training.losses import LandmarkCriterion
from livefan.weights import WeightsInfo, load_initial, read_tensors, save_weights

BEST_NAME = "best.safetensors"
STATE_NAME = "state.safetensors"
CONFIG_NAME = "run.toml"


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        epoch: epochs finished.
        best_nme: lowest validation NME so far, in percent.
        history: one entry an epoch: mean loss terms and validation NME.
    """

    epoch: int = 0
    best_nme: float = math.inf
    history: list[dict[str, float]] = field(default_factory=list)


class Loader:
    """Augments batches ahead of the training step, in threads.

    Threads share the faces in memory, where processes would copy them (or, forked beside OpenCV's
    and OpenMP's threads, hang); the work is done in code that releases the interpreter's lock.

    Args:
        faces: what to draw from.
        batch_size: faces a batch; a rest that fills none is left out of the epoch.
        seed: decides the order.
        threads: how many augment.
    """

    def __init__(self, faces: TrainingFaces, batch_size: int, seed: int, threads: int) -> None:
        self._faces, self._batch_size, self._seed = faces, batch_size, seed
        self._threads = threads

    def __len__(self) -> int:
        return len(self._faces) // self._batch_size

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch: ``(batch, 256, 256, 3)`` uint8 BGR and ``(batch, n, 2)`` points."""
        count = len(self._faces)
        order = np.random.default_rng((self._seed, number)).permutation(count) + number * count
        keys = iter(order[: len(self) * self._batch_size].reshape(len(self), -1).tolist())
        with ThreadPoolExecutor(self._threads) as pool:
            ahead = deque(pool.submit(self._batch, batch) for batch in islice(keys, 4 * self._threads))
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(pool.submit(self._batch, batch) for batch in islice(keys, 1))

    def _batch(self, keys: list[int]) -> tuple[Tensor, Tensor]:
        crops, points = zip(*map(self._faces.__getitem__, keys), strict=True)
        return torch.stack(crops), torch.stack(points)


def learning_rate_factor(step: int, warmup_steps: int, total_steps: int) -> float:
    """Linear warm-up, then a cosine to zero; a factor of the peak learning rate."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, total_steps - warmup_steps)))


def train(
    training: FaceSet,
    validation: FaceSet,
    config: TrainConfig,
    run_folder: Path,
    *,
    keep_epochs: bool = False,
    quiet: bool = False,
) -> Progress:
    """Train a MobileFAN and keep the best weights by validation NME in ``run_folder``.

    A folder that holds the state of an unfinished run with the same settings is resumed.

    Args:
        training, validation: labelled faces of one scheme.
        run_folder: gets ``best.safetensors``, ``state.safetensors``, ``run.toml`` and ``history.json``.
        keep_epochs: write every epoch's weights too, as ``epoch-N.safetensors``.
        quiet: no progress bar.

    Raises:
        LivefanError: if the folder holds a run with other settings, or a loss is not finite.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(config.seed)
    scheme = training.scheme
    model = MobileFAN(scheme.n_points, config.width)
    if config.init:
        load_initial(model, config.init)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    progress = _open_run(run_folder, config, model, optimiser, device)

    faces = TrainingFaces(training.faces, scheme, config)
    held_out = EvaluationFaces(validation.faces)
    for line in (*training.skipped, *validation.skipped, *faces.skipped, *held_out.skipped):
        print(f"skipped: {line}", file=sys.stderr)
    if len(faces) < config.batch_size or not len(held_out):
        raise LivefanError(
            f"{len(faces)} training and {len(held_out)} validation faces are too few for batches of "
            f"{config.batch_size}; check --root, or lower batch_size"
        )
    threads = 1 if device.type == "cpu" else os.cpu_count() or 1
    loader = Loader(faces, config.batch_size, config.seed, threads)
    criterion = LandmarkCriterion(config.heatmap_weight, config.heatmap_sigma)
    started, first_epoch = time.monotonic(), progress.epoch
    while progress.epoch < config.epochs:
        bar = tqdm(
            loader.epoch(progress.epoch),
            f"epoch {progress.epoch + 1}/{config.epochs}",
            disable=True if quiet else None,
            total=len(loader),
            leave=False,
            mininterval=1.0,
        )
        means = _train_epoch(model, criterion, optimiser, bar, config, progress.epoch, device)
        error = validate(model, held_out, scheme, device)
        progress.epoch += 1
        progress.history.append({"epoch": progress.epoch, **means, "validation_nme": error})
        info = _describe(config, scheme, progress, len(faces))
        if keep_epochs:
            save_weights(run_folder / f"epoch-{progress.epoch}.safetensors", model, info)
        if error < progress.best_nme:
            progress.best_nme = error
            save_weights(run_folder / BEST_NAME, model, info)
        _save_state(run_folder, model, optimiser, progress)
        if not quiet:
            per_epoch = (time.monotonic() - started) / (progress.epoch - first_epoch)
            left = per_epoch * (config.epochs - progress.epoch)
            terms = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            print(
                f"epoch {progress.epoch:3d}/{config.epochs}  {terms}  validation NME {error:.3f} %"
                f"  best {progress.best_nme:.3f} %  {per_epoch:.0f} s/epoch, {left / 60:.0f} min left",
                flush=True,
            )
    return progress


def _train_epoch(
    model: MobileFAN,
    criterion: LandmarkCriterion,
    optimiser: torch.optim.Optimizer,
    batches: "tqdm[tuple[Tensor, Tensor]]",
    config: TrainConfig,
    epoch: int,
    device: torch.device,
) -> dict[str, float]:
    """One pass over the training faces; returns the mean of each loss term and of their total."""
    model.train()
    sums: dict[str, float] = defaultdict(float)
    per_epoch = batches.total
    for batch, (crops, points_crop) in enumerate(batches):
        step = epoch * per_epoch + batch
        factor = learning_rate_factor(step, config.warmup_steps, config.epochs * per_epoch)
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * factor
        with torch.autocast(device.type, torch.bfloat16):
            heatmaps = model(normalise(crops.to(device, non_blocking=True)))
        terms = criterion(heatmaps, points_crop.to(device, non_blocking=True))
        total = criterion.total(terms)
        values = {name: value.item() for name, value in terms.items()} | {"loss": total.item()}
        if not all(map(math.isfinite, values.values())):
            raise LivefanError(
                f"training stopped at step {step}: a loss is not finite: {values}; lower learning_rate"
            )
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        optimiser.step()
        for name, value in values.items():
            sums[name] += value
        batches.set_postfix(loss=f"{values['loss']:.3f}", refresh=False)
    return {name: value / per_epoch for name, value in sums.items()}


@torch.inference_mode()
def validate(model: MobileFAN, faces: EvaluationFaces, scheme: LandmarkScheme, device: torch.device) -> float:
    """Mean inter-ocular NME in percent over landmark-box crops, in float32."""
    model.eval()
    predicted, truth = [], []
    for crops, points_crop, pixels_per_crop_pixel in DataLoader(faces, 32):
        points, _ = decode_soft_argmax(model(normalise(crops.to(device))))
        scale = pixels_per_crop_pixel[:, None, None]
        predicted.append((points.cpu() * scale).numpy())
        truth.append((points_crop * scale).numpy())
    true_px = np.concatenate(truth)
    return float(nme(np.concatenate(predicted), true_px, inter_ocular(true_px, scheme)).mean())


def _describe(config: TrainConfig, scheme: LandmarkScheme, progress: Progress, n_faces: int) -> WeightsInfo:
    """What the weight file says of the run that made it."""
    error = progress.history[-1]["validation_nme"]
    return WeightsInfo(
        scheme=scheme.name,
        width=config.width,
        training={
            "data": f"{n_faces} faces of the 300W training set",
            "terms": "300W's annotations are for research use; so are weights trained on them",
            "settings": to_toml(config),
            "command": " ".join(["livefan", *sys.argv[1:]]),
            "seed": str(config.seed),
            "commit": _commit(),
            "torch": torch.__version__,
            "epoch": f"{progress.epoch} of {config.epochs}",
            "validation": f"{error:.3f} % NME, inter-ocular, landmark-box crops, "
            f"a tenth of the training faces held out with seed {VALIDATION_SEED}",
        },
    )


def _commit() -> str:
    """The commit of the checkout this runs from, marked where it was edited; "unknown" outside one."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent,
        )
    except OSError:
        return "unknown"
    return described.stdout.strip() or "unknown"


def _open_run(
    folder: Path,
    config: TrainConfig,
    model: MobileFAN,
    optimiser: torch.optim.Optimizer,
    device: torch.device,
) -> Progress:
    """Begin a run in an empty folder, or take up the one that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    settings, state = folder / CONFIG_NAME, folder / STATE_NAME
    if not settings.exists():
        with whole_file(settings) as partial:
            partial.write_text(to_toml(config))
        return Progress()
    if settings.read_text() != to_toml(config):
        raise LivefanError(f"{settings}: this folder holds a run with other settings; choose another --out")
    if not state.exists():
        return Progress()
    tensors, metadata = read_tensors(state)
    if "progress" not in metadata:
        raise LivefanError(f"{state}: not the state of a run; remove it to begin anew")
    progress = Progress(**json.loads(metadata["progress"]))
    model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    for index, parameter in enumerate(model.parameters()):
        prefix = f"optimiser.{index}."
        optimiser.state[parameter] = {
            key.removeprefix(prefix): value.to("cpu" if key.endswith("step") else device)
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
    return progress


def _save_state(folder: Path, model: MobileFAN, optimiser: torch.optim.Optimizer, progress: Progress) -> None:
    """Write all that :func:`_open_run` needs to go on, and the history for people to read."""
    tensors = {f"model.{key}": value for key, value in model.state_dict().items()}
    for index, parameter in enumerate(model.parameters()):
        for key, value in optimiser.state[parameter].items():
            tensors[f"optimiser.{index}.{key}"] = value
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with whole_file(folder / STATE_NAME) as partial:
        save_file(tensors, partial, metadata={"progress": json.dumps(vars(progress))})
    with whole_file(folder / "history.json") as partial:
        partial.write_text(json.dumps(progress.history, indent=1) + "\n")
