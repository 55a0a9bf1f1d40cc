"""A training run: faces, network and folder brought together, and the loop over the epochs."""

from __future__ import annotations

import os
from contextlib import ExitStack, nullcontext
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.folder_lock import locked
from livefan.core.landmarks import LandmarkScheme
from livefan.datasets import FaceSet, print_skipped
from livefan.networks.checkpoint import load_weights
from livefan.training.augmentation.augment import EvaluationFaces, TrainingFaces
from livefan.training.config import TrainConfig
from livefan.training.distributed import Processes, join
from livefan.training.engine import train_epoch, validate
from livefan.training.epoch_log import EpochLog
from livefan.training.initial import initial_network
from livefan.training.learner import Learner, MovingAverage
from livefan.training.loader import Loader
from livefan.training.objective import Objective
from livefan.training.optimisation import build_optimiser
from livefan.training.precision import DTYPES, PRECISIONS, choose_dtype, name_of
from livefan.training.preview import SHEET_NAME, draw_preview
from livefan.training.run import Run
from livefan.training.state import Progress, State
from livefan.training.summary import hardware, seconds_per_step, summary


def train(
    training: FaceSet,
    validation: FaceSet | None,
    config: TrainConfig,
    run_folder: Path,
    *,
    keep_epochs: bool = False,
    compiled: bool = False,
    quiet: bool = False,
) -> Progress:
    """Train a network. ``run_folder`` keeps the weights with the lowest validation NME.

    A folder with the state of a run of the same settings, faces and labels is resumed. A finished run is
    resumed if the number of epochs is larger than before. Under torchrun all processes share every batch.

    Args:
        training, validation: labelled faces of one scheme. Without validation, ``run_folder`` keeps the
            latest weights.
        run_folder: gets ``best.safetensors``, ``history.json`` and the files of :class:`Run`.
        keep_epochs: also write the weights of every epoch, as ``epoch-N.safetensors``.
        compiled: compile the network with torch.compile. This takes some minutes; steps are then faster on
            some machines.
        quiet: show no progress bar, and print no summary and no epochs.

    Raises:
        LivefanError: if the folder holds a run with other settings, faces or labels, or another process
            trains in it; if the faces are too few, the teacher has another scheme, or a loss is not finite.
    """
    run = Run(run_folder, config, training, validation)
    with join() as processes, ExitStack() as held:
        dtype = _dtype(config, processes, run)
        torch.manual_seed(config.seed)
        faces = TrainingFaces(training.faces, training.scheme, config)
        validated = validation.faces if validation else []
        held_out = [EvaluationFaces(validated, size) for size in config.input_sizes]
        # Sets that were divided from one list share its skipped files.
        others = [line for line in validation.skipped if line not in training.skipped] if validation else []
        skipped = [*training.skipped, *others, *faces.skipped, *held_out[0].skipped]
        if processes.first:
            print_skipped(skipped)
        if len(faces) < config.batch_size:
            raise LivefanError(
                f"{len(faces)} training faces are too few for batches of {config.batch_size}; check --root, "
                "or write a smaller batch_size into the file of --config"
            )
        if validation and not len(held_out[0]):
            raise LivefanError(
                f"{len(faces)} training faces, but none for validation; check --root, or give --validation a "
                "larger share or none"
            )
        _check_shares(config, processes)
        state, objective = _build(training, config, processes.device, dtype)
        used = hardware(processes, dtype)
        if processes.first:
            run_folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(run_folder))
            run.begin(skipped, used)
            with atomic_write(run_folder / SHEET_NAME) as partial:
                draw_preview(training, config, partial, rows=4, samples=4)
        processes.wait()
        progress = run.resume(state)
        if processes.first and not quiet and progress.epoch >= config.epochs:
            print(
                f"{run_folder}: finished before, at epoch {progress.epoch}; raise --epochs or choose another "
                "--out",
                flush=True,
            )
        elif processes.first and not quiet:
            seconds = seconds_per_step(state, objective, config, processes)
            print(summary(config, state, used, (len(faces), len(held_out[0])), progress, seconds), flush=True)
        learner = _prepared(state.learner, processes, compiled=compiled)
        loader = _loader(faces, config, processes)
        log = EpochLog(run_folder, config.epochs, progress, quiet=quiet) if processes.first else None
        with log or nullcontext():
            for epoch in range(progress.epoch, config.epochs):
                means = train_epoch(
                    learner, state, objective, loader, epoch, config, processes, quiet=quiet or not log
                )
                progress.epoch = epoch + 1
                if log:
                    errors = {}
                    if validation:
                        errors = _validation_errors(state, objective, held_out, training.scheme, config)
                    progress.history.append({"epoch": progress.epoch, **means, **errors})
                    info = run.describe(progress, len(faces), objective.decoder)
                    run.save(state, progress, info, keep_epoch=keep_epochs)
                    log.write()
                processes.wait()
    return progress


def _dtype(config: TrainConfig, processes: Processes, run: Run) -> torch.dtype:
    """Return the floating-point format of the run, the same in all processes, and that in which it began."""
    earlier = run.precision
    precision = earlier if config.precision == "auto" and earlier in PRECISIONS else config.precision
    if precision != config.precision and precision == "float16" and processes.device.type == "cpu":
        raise LivefanError(
            f"{run.folder}: this run began in float16, which needs a GPU; continue it on one, or choose "
            "another --out"
        )
    own = choose_dtype(precision, processes.device)
    votes = processes.mean({name_of(dtype): float(dtype is own) for dtype in DTYPES})
    return max(DTYPES, key=lambda dtype: votes[name_of(dtype)])


def _check_shares(config: TrainConfig, processes: Processes) -> None:
    """Raise a LivefanError if the processes cannot share a batch."""
    if config.batch_size % processes.count or config.batch_size < 2 * processes.count:
        raise LivefanError(
            f"batch_size {config.batch_size} cannot be shared by {processes.count} processes; "
            "choose a multiple of their number, with two faces or more for each"
        )


def _build(
    training: FaceSet, config: TrainConfig, device: torch.device, dtype: torch.dtype
) -> tuple[State, Objective]:
    """Build the network with its initial weights, the optimiser and the objective."""
    scheme = training.scheme
    network = initial_network(config.architecture, config.width, config.init, scheme, training.faces)
    teacher = load_weights(config.teacher, scheme=scheme.name, device=device) if config.teacher else None
    # Without the aligned term the adapters would have no gradients, which several processes cannot share.
    lifts = teacher is not None and config.aligned_weight > 0
    learner = Learner(network, teacher.model.channels if teacher and lifts else (), config.frozen)
    learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = MovingAverage(network, config.average_decay)
    scaler = torch.amp.GradScaler(device.type, enabled=dtype is torch.float16)
    state = State(learner, average, build_optimiser(learner.parameters(), config), scaler)
    return state, Objective(config, teacher, dtype)


def _prepared(learner: Learner, processes: Processes, *, compiled: bool) -> nn.Module:
    """Compile the learner and share its gradients among processes, after its state was loaded."""
    if compiled:
        learner.compile()
    return DistributedDataParallel(learner) if processes.count > 1 else learner


def _loader(faces: TrainingFaces, config: TrainConfig, processes: Processes) -> Loader:
    # On a CPU the training step itself uses all cores.
    threads = 1 if processes.device.type == "cpu" else max(1, (os.cpu_count() or 1) // processes.count)
    return Loader(
        faces, config.batch_size, config.seed, threads, rank=processes.rank, processes=processes.count
    )


def _validation_errors(
    state: State,
    objective: Objective,
    held_out: list[EvaluationFaces],
    scheme: LandmarkScheme,
    config: TrainConfig,
) -> dict[str, float]:
    """Return figures of the averaged weights: NMEs in percent for each size of crops, mean face score."""
    network = state.average.network
    device = next(network.parameters()).device
    first, *others = (validate(network, faces, scheme, device, objective.decoder) for faces in held_out)
    sizes = config.input_sizes[1:]
    named = {f"validation_nme_{size}": each.nme for size, each in zip(sizes, others, strict=True)}
    return {"validation_nme": first.nme, **named, "face_score": first.face_score}
