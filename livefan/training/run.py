"""The folder of a training run: what it began with, how far it came, and what it made."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.provenance import environment
from livefan.core.resources import find_weights
from livefan.datasets import VALIDATION_SEED, FaceSet
from livefan.networks.checkpoint import WeightsInfo, read_tensors, save_weights, under
from livefan.networks.checkpoint_info import refuse_pickle, sha256_of
from livefan.training.config import TrainConfig, to_toml
from livefan.training.learner import Learner, MovingAverage

BEST_NAME = "best.safetensors"
STATE_NAME = "state.safetensors"
CONFIG_NAME = "run.toml"
FACES_NAME = "faces.txt"
USED_NAME = "weights.json"
RESUMED_NAME = "resumed.jsonl"


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


@dataclass(frozen=True)
class State:
    """What changes with every step of a run, and what is saved to take it up again."""

    learner: Learner
    average: MovingAverage
    optimiser: torch.optim.Optimizer

    def tensors(self) -> dict[str, Tensor]:
        """Copies of all tensors on the CPU, by name."""
        named = {
            f"{prefix}{key}": value
            for prefix, module in self._modules()
            for key, value in module.state_dict().items()
        }
        for index, parameter in enumerate(self.learner.parameters()):
            for key, value in self.optimiser.state[parameter].items():
                named[f"optimiser.{index}.{key}"] = value
        return {key: value.detach().cpu().contiguous() for key, value in named.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what :meth:`tensors` gave.

        Raises:
            RuntimeError: if the tensors are those of other networks.
        """
        for prefix, module in self._modules():
            module.load_state_dict(under(prefix, tensors))
        for index, parameter in enumerate(self.learner.parameters()):
            self.optimiser.state[parameter] = {
                key: value.to("cpu" if key == "step" else parameter.device)
                for key, value in under(f"optimiser.{index}.", tensors).items()
            }

    def _modules(self) -> tuple[tuple[str, nn.Module], ...]:
        return ("learner.", self.learner), ("average.", self.average.network)


class Run:
    """A run's folder: settings, environment, faces, hashes of init and teacher, weights, state and history.

    Args:
        folder: is made if it is absent. One that holds an unfinished run of the same settings on the same
            faces is taken up by :meth:`resume`; one whose run left neither state nor weights is begun anew.
        config: the settings.
        training, validation: the faces.

    Raises:
        LivefanError: if init or teacher cannot be read, or the folder holds what a run with other settings,
            faces, init or teacher has made.
    """

    def __init__(self, folder: Path, config: TrainConfig, training: FaceSet, validation: FaceSet) -> None:
        self.folder, self.config = folder, config
        self._training = training
        self._faces = [f"train {face.place}" for face in training.faces]
        self._faces += [f"validation {face.place}" for face in validation.faces]
        self._used = {name: _hash(getattr(config, name)) for name in ("init", "teacher")}
        settings, listed, hashed = (folder / name for name in (CONFIG_NAME, FACES_NAME, USED_NAME))
        # What a process that was killed left half-written has a dot before its name.
        self._continues = settings.exists() and any(folder.glob("[!.]*.safetensors"))
        if not self._continues:
            return
        if settings.read_text() != to_toml(config):
            raise LivefanError(
                f"{settings}: this folder holds a run with other settings; choose another --out"
            )
        known = listed.read_text().splitlines() if listed.exists() else self._faces
        for before, now in zip_longest(known, self._faces, fillvalue="no further"):
            if before != now:
                raise LivefanError(
                    f"{listed}: this folder holds a run on other faces, first {before!r}, which is {now!r} "
                    "now; name the same data as then, or choose another --out"
                )
        used = json.loads(hashed.read_text()) if hashed.exists() else self._used
        for name, now in self._used.items():
            if used.get(name, now) != now:
                raise LivefanError(
                    f"{hashed}: this folder holds a run whose {name}, {getattr(config, name)}, was another "
                    "file then; put that one back, or choose another --out"
                )

    def begin(self, skipped: Sequence[str] = ()) -> None:
        """Write down settings, versions, command, commit, the faces, the weights, and what was skipped.

        Of a run that is taken up only when, how and by which versions, a line each time.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(FACES_NAME, "\n".join(self._faces) + "\n")
        self._write(USED_NAME, json.dumps(self._used, indent=1) + "\n")
        if self._continues:
            with (self.folder / RESUMED_NAME).open("a") as resumed:
                resumed.write(json.dumps(environment()) + "\n")
            return
        (self.folder / RESUMED_NAME).unlink(missing_ok=True)
        self._write("environment.json", json.dumps(environment(), indent=1) + "\n")
        self._write("skipped.txt", "".join(f"{line}\n" for line in skipped))
        self._write(CONFIG_NAME, to_toml(self.config))

    def resume(self, state: State) -> Progress:
        """Load the state of the last finished epoch, if there is one.

        Raises:
            LivefanError: if the state is damaged or not one of this kind of run.
        """
        path = self.folder / STATE_NAME
        if not path.exists():
            return Progress()
        tensors, metadata = read_tensors(path)
        try:
            state.load(tensors)
            return Progress(**json.loads(metadata["progress"]))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise LivefanError(f"{path}: not the state of this run; remove it to begin anew") from error

    def save(self, state: State, progress: Progress, info: WeightsInfo, *, keep_epoch: bool = False) -> None:
        """Write the best weights if these are, all that :meth:`resume` needs, and the history."""
        if keep_epoch:
            save_weights(self.folder / f"epoch-{progress.epoch}.safetensors", state.average.network, info)
        error = progress.history[-1]["validation_nme"]
        if error < progress.best_nme:
            progress.best_nme = error
            save_weights(self.folder / BEST_NAME, state.average.network, info)
        with atomic_write(self.folder / STATE_NAME) as partial:
            # Not save_file, whose error on a full disk is none of the system's.
            partial.write_bytes(save(state.tensors(), metadata={"progress": json.dumps(vars(progress))}))
        self._write("history.json", json.dumps(progress.history, indent=1) + "\n")

    def describe(self, progress: Progress, n_faces: int, decoder: str) -> WeightsInfo:
        """What a weight file says of the run that made it."""
        error = progress.history[-1]["validation_nme"]
        now = environment()
        return WeightsInfo(
            scheme=self._training.scheme.name,
            architecture=self.config.architecture,
            width=self.config.width,
            decoder=decoder,
            input_size=self.config.input_sizes[0],
            mirror_offset=self.config.mirror_offset,
            training={
                "data": f"{n_faces} faces: {self._training.title or 'a set of labelled faces'}",
                "terms": "the annotations of 300W, WFLW and COFW are for research use; so are weights "
                "trained on them",
                "settings": to_toml(self.config),
                "seed": str(self.config.seed),
                "epoch": f"{progress.epoch} of {self.config.epochs}",
                "validation": f"{error:.3f} % NME, inter-ocular, landmark-box crops, "
                f"a tenth of the training faces held out with seed {VALIDATION_SEED}",
                **{name: now[name] for name in ("command", "commit", "torch")},
            },
        )

    def _write(self, name: str, text: str) -> None:
        with atomic_write(self.folder / name) as partial:
            partial.write_text(text)


def _hash(name_or_path: str) -> str:
    """Of a weight file, by path or bundled name; of none an empty one."""
    if not name_or_path:
        return ""
    path = find_weights(name_or_path)
    refuse_pickle(path)
    return sha256_of(path)
