"""The training run: one loop over epochs, with validation, resume and the best weights kept."""

from __future__ import annotations

import math
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from livefan.core.crop import CLOSEST_SIZE
from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import inter_ocular, nme
from livefan.datasets import FaceSet, print_skipped
from livefan.networks.checkpoint import Weights, load_weights
from livefan.networks.heatmaps import DECODERS
from livefan.networks.mobilefan import HeatmapNetwork, build_network, normalise
from livefan.training.augmentation.augment import EvaluationFaces, TrainingFaces
from livefan.training.config import TrainConfig
from livefan.training.distributed import Processes, join
from livefan.training.initial import load_initial
from livefan.training.learner import Learner, MovingAverage
from livefan.training.loader import Loader
from livefan.training.losses import DistillationCriterion, LandmarkCriterion, weighted_total
from livefan.training.run import Progress, Run, State


def learning_rate_factor(step: int, steps_per_epoch: int, config: TrainConfig) -> float:
    """Linear warm-up, then a cosine to zero or falls to a tenth; a factor of the peak learning rate."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.schedule == "steps":
        return float(0.1 ** sum(step >= epoch * steps_per_epoch for epoch in config.milestones))
    left = config.epochs * steps_per_epoch - config.warmup_steps
    return 0.5 * (1 + math.cos(math.pi * (step - config.warmup_steps) / max(1, left)))


def train(
    training: FaceSet,
    validation: FaceSet,
    config: TrainConfig,
    run_folder: Path,
    *,
    keep_epochs: bool = False,
    compiled: bool = False,
    quiet: bool = False,
) -> Progress:
    """Train a network and keep the best weights by validation NME in ``run_folder``.

    A folder that holds the state of an unfinished run with the same settings and faces is resumed. Under
    torchrun all processes share every batch.

    Args:
        training, validation: labelled faces of one scheme.
        run_folder: gets ``best.safetensors``, ``history.json`` and what :class:`Run` writes.
        keep_epochs: write every epoch's weights too, as ``epoch-N.safetensors``.
        compiled: let torch.compile make the training step faster, which takes some minutes first.
        quiet: no progress bar.

    Raises:
        LivefanError: if the folder holds a run with other settings or faces, the teacher is of another
            scheme, or a loss is not finite.
    """
    run = Run(run_folder, config, training, validation)
    with join() as processes:
        torch.manual_seed(config.seed)
        faces = TrainingFaces(training.faces, training.scheme, config)
        held_out = [EvaluationFaces(validation.faces, size) for size in config.input_sizes]
        skipped = [*training.skipped, *faces.skipped, *held_out[0].skipped]
        if processes.first:
            print_skipped(skipped)
        _check_faces(faces, held_out[0], config, processes)
        trainer = _Trainer(training.scheme, config, processes)
        if processes.first:
            run.begin(skipped)
        processes.wait()
        progress = run.resume(trainer.state)
        trainer.prepare(compiled=compiled)
        threads = 1 if processes.device.type == "cpu" else max(1, (os.cpu_count() or 1) // processes.count)
        loader = Loader(
            faces, config.batch_size, config.seed, threads, rank=processes.rank, processes=processes.count
        )
        reporter = _Reporter(config, progress, quiet=quiet)
        with _tensorboard(run_folder, wanted=processes.first) as board:
            while progress.epoch < config.epochs:
                means = trainer.train_epoch(loader, progress.epoch, quiet=quiet or not processes.first)
                progress.epoch += 1
                if processes.first:
                    means["validation_nme"] = trainer.validate(held_out[0], training.scheme)
                    for size, smaller in zip(config.input_sizes[1:], held_out[1:], strict=True):
                        means[f"validation_nme_{size}"] = trainer.validate(smaller, training.scheme)
                    progress.history.append({"epoch": progress.epoch, **means})
                    info = run.describe(progress, len(faces), trainer.decoder)
                    run.save(trainer.state, progress, info, keep_epoch=keep_epochs)
                    for name, value in means.items():
                        board.add_scalar(name, value, progress.epoch)
                    reporter.log()
                processes.wait()
    return progress


class _Trainer:
    """The parts of a run that change with every step, and the step itself."""

    def __init__(self, scheme: LandmarkScheme, config: TrainConfig, processes: Processes) -> None:
        self.config, self.processes = config, processes
        network = build_network(config.architecture, scheme.n_points, config.width)
        if config.init:
            load_initial(network, config.init)
        self.teacher: Weights | None = None
        if config.teacher:
            self.teacher = load_weights(config.teacher, scheme=scheme.name, device=processes.device)
        # Adapters that no term uses would have no gradients, which several processes cannot share.
        lifts = self.teacher is not None and config.aligned_weight > 0
        learner = Learner(network, self.teacher.model.channels if self.teacher and lifts else 0)
        learner.to(processes.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.state = State(learner, MovingAverage(network, config.average_decay), _optimiser(learner, config))
        self.landmarks = LandmarkCriterion(
            config.coordinate_weight, config.heatmap_weight, config.heatmap_loss, config.heatmap_sigma
        )
        self.distillation = DistillationCriterion(
            config.aligned_weight, config.similarity_weight, config.response_weight
        )
        self.weights = self.landmarks.weights | self.distillation.weights
        self._forward: nn.Module = learner

    @property
    def decoder(self) -> str:
        """The decoder that fits what the heatmap term makes of the heatmaps."""
        return "soft-argmax" if self.config.coordinate_weight else "argmax"

    def prepare(self, *, compiled: bool) -> None:
        """Compile, and join the processes; after a run's state was loaded."""
        if compiled:
            self.state.learner.compile()
        if self.processes.count > 1:
            self._forward = DistributedDataParallel(self.state.learner)

    def validate(self, faces: EvaluationFaces, scheme: LandmarkScheme) -> float:
        """The validation NME in percent of the averaged weights."""
        return validate(self.state.average.network, faces, scheme, self.processes.device, self.decoder)

    def train_epoch(self, loader: Loader, epoch: int, *, quiet: bool) -> dict[str, float]:
        """One pass over the training faces; returns the mean of each loss term and of their total."""
        bar = tqdm(
            loader.epoch(epoch),
            f"epoch {epoch + 1}/{self.config.epochs}",
            disable=True if quiet else None,
            total=len(loader),
            leave=False,
            mininterval=1.0,
        )
        self.state.learner.train()
        sums: dict[str, float] = defaultdict(float)
        for batch, (crops, points_crop) in enumerate(bar):
            step = epoch * len(loader) + batch
            factor = learning_rate_factor(step, len(loader), self.config)
            for group in self.state.optimiser.param_groups:
                group["lr"] = self.config.learning_rate * factor
            values = self._step(crops, points_crop, step)
            for name, value in values.items():
                sums[name] += value
            bar.set_postfix(loss=f"{values['loss']:.3f}", refresh=False)
        return self.processes.mean({name: value / len(loader) for name, value in sums.items()})

    def _step(self, crops: Tensor, points_crop: Tensor, step: int) -> dict[str, float]:
        device = self.processes.device
        x = normalise(crops.to(device, non_blocking=True))
        terms = self._terms(x, points_crop.to(device, non_blocking=True))
        total = weighted_total(terms, self.weights)
        values = {name: value.item() for name, value in terms.items()} | {"loss": total.item()}
        if not all(map(math.isfinite, values.values())):
            raise LivefanError(
                f"training stopped at step {step}: a loss is not finite: {values}; lower learning_rate"
            )
        self.state.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        if self.config.gradient_clip:
            nn.utils.clip_grad_norm_(self.state.learner.parameters(), self.config.gradient_clip)
        self.state.optimiser.step()
        self.state.average.update(self.state.learner.network, step)
        return values

    def _terms(self, x: Tensor, points_crop: Tensor) -> dict[str, Tensor]:
        with torch.autocast(self.processes.device.type, torch.bfloat16):
            heatmaps, stages, lifted = self._forward(x)
            terms = self.landmarks(heatmaps, points_crop)
            if self.teacher is None:
                return terms
            with torch.no_grad():
                theirs, their_stages = teacher_outputs(self.teacher, x)
        return terms | self.distillation(heatmaps, stages, lifted, theirs, their_stages)


def teacher_outputs(teacher: Weights, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The teacher's heatmaps and decoder maps of a student's crops, in the student's sizes.

    A teacher for larger crops than these gets them enlarged: to its own size, but no further than to
    :data:`livefan.core.crop.CLOSEST_SIZE`, where a face has as many pixels as in larger crops, which show
    more about it. Crops are enlarged, and maps reduced again, bilinearly.

    Args:
        x: ``(batch, 3, side, side)`` normalised RGB.

    Returns:
        ``(batch, n, side / 4, side / 4)`` logits, and ``(batch, c, s, s)`` with s a 16th, an 8th and a
        quarter of the side.
    """
    side = x.shape[-1]
    size = min(teacher.info.input_size, max(side, CLOSEST_SIZE))
    if size <= side:
        return teacher.model.with_stages(x)
    heatmaps, stages = teacher.model.with_stages(_resized(x, size))
    heatmaps, *stages = (_resized(maps, maps.shape[-1] * side // size) for maps in (heatmaps, *stages))
    return heatmaps, stages


def _resized(maps: Tensor, side: int) -> Tensor:
    # Not in bfloat16, whose steps between neighbouring cells interpolation would show.
    return functional.interpolate(maps.float(), (side, side), mode="bilinear", align_corners=False)


def _optimiser(learner: Learner, config: TrainConfig) -> torch.optim.Optimizer:
    kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    return kind(learner.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)


def _check_faces(
    faces: TrainingFaces, held_out: EvaluationFaces, config: TrainConfig, processes: Processes
) -> None:
    if len(faces) < config.batch_size or not len(held_out):
        raise LivefanError(
            f"{len(faces)} training and {len(held_out)} validation faces are too few for batches of "
            f"{config.batch_size}; check --root, or lower batch_size"
        )
    if config.batch_size % processes.count or config.batch_size < 2 * processes.count:
        raise LivefanError(
            f"batch_size {config.batch_size} cannot be shared by {processes.count} processes; "
            "choose a multiple of their number, with two faces or more for each"
        )


@torch.inference_mode()
def validate(
    network: HeatmapNetwork,
    faces: EvaluationFaces,
    scheme: LandmarkScheme,
    device: torch.device,
    decoder: str = "soft-argmax",
) -> float:
    """Mean inter-ocular NME in percent over landmark-box crops, in float32.

    Infinite or not a number where a face's eye corners lie in one place, or the network gives no numbers.
    """
    network.eval()
    predicted, truth = [], []
    for crops, points_crop, pixels_per_crop_pixel in DataLoader(faces, 32):
        points = DECODERS[decoder](network(normalise(crops.to(device)))).points_crop
        scale = pixels_per_crop_pixel[:, None, None]
        predicted.append((points.cpu() * scale).numpy())
        truth.append((points_crop * scale).numpy())
    true_px = np.concatenate(truth)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(nme(np.concatenate(predicted), true_px, inter_ocular(true_px, scheme)).mean())


class _NoBoard:
    """Stands where TensorBoard is not installed."""

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Do nothing."""


@contextmanager
def _tensorboard(folder: Path, *, wanted: bool) -> Iterator[Any]:
    """A TensorBoard writer into the run's folder, where the package is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        wanted = False
    if not wanted:
        yield _NoBoard()
        return
    with SummaryWriter(str(folder)) as writer:
        yield writer


class _Reporter:
    """Prints a line an epoch: losses, validation error, and the time that is left."""

    def __init__(self, config: TrainConfig, progress: Progress, *, quiet: bool) -> None:
        self._epochs, self._progress, self._quiet = config.epochs, progress, quiet
        self._started, self._first_epoch = time.monotonic(), progress.epoch

    def log(self) -> None:
        """Tell of the epoch just finished."""
        if self._quiet:
            return
        progress, latest = self._progress, self._progress.history[-1]
        seconds = (time.monotonic() - self._started) / (progress.epoch - self._first_epoch)
        left = seconds * (self._epochs - progress.epoch) / 60
        terms = "  ".join(f"{k} {v:.4f}" for k, v in latest.items() if k not in ("epoch", "validation_nme"))
        print(
            f"epoch {progress.epoch:3d}/{self._epochs}  {terms}"
            f"  validation NME {latest['validation_nme']:.3f} %  best {progress.best_nme:.3f} %"
            f"  {seconds:.0f} s/epoch, {left:.0f} min left",
            flush=True,
        )
