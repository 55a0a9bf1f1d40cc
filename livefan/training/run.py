"""The folder of a training run: settings, versions, lists of faces, state, history and weights."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from safetensors.torch import save

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.landmarks import BUILT_IN
from livefan.core.provenance import environment, portable_command, without_folder
from livefan.core.resources import find_weights
from livefan.core.scheme_file import table_of
from livefan.datasets import VALIDATION_SEED, FaceSet, labels_sha256
from livefan.networks.checkpoint import WeightsInfo, read_tensors, save_weights
from livefan.networks.checkpoint_info import refuse_pickle, sha256_of
from livefan.training.config import TrainConfig, read_config, to_toml
from livefan.training.state import Progress, State

BEST_NAME = "best.safetensors"
EPOCH_NAME = "epoch-{}.safetensors"
"""Weights of an epoch, counted from 1."""
STATE_NAME = "state.safetensors"
CONFIG_NAME = "run.toml"
FACES_NAME = "faces.txt"
HASHES_NAME = "weights.json"
"""SHA-256 of the files that ``init`` and ``teacher`` name, and of all labels."""
RESUMED_NAME = "resumed.jsonl"
ENVIRONMENT_NAME = "environment.json"


class Run:
    """The folder of a run.

    Args:
        folder: made if it is absent. If it holds a run with the same settings and faces, :meth:`resume`
            continues that run. If it holds neither state nor weights, the run starts anew.
        config: the settings.
        training, validation: the faces; no validation faces if None.

    Raises:
        LivefanError: if init or teacher cannot be read, or the folder holds the results of a run with other
            settings, faces, labels, init or teacher, or with unknown settings.
    """

    def __init__(
        self, folder: Path, config: TrainConfig, training: FaceSet, validation: FaceSet | None
    ) -> None:
        self.folder, self.config = folder, config
        self._training, self._validation = training, validation
        self._faces = [_line(f"train {face.place}") for face in training.faces]
        if validation is not None:
            self._faces += [_line(f"validation {face.place}") for face in validation.faces]
        self._hashes = {name: _hash(getattr(config, name)) for name in ("init", "teacher")}
        self._hashes["labels"] = labels_sha256(*filter(None, (training, validation)))
        has_config = (folder / CONFIG_NAME).exists()
        for name in (STATE_NAME, BEST_NAME):
            if not has_config and (folder / name).exists():
                raise LivefanError(
                    f"{folder / CONFIG_NAME}: missing, but {name} beside it is of a run; restore it, or "
                    "choose another --out"
                )
        # A leading dot marks a file that an interrupted process left incomplete.
        self._continues = has_config and any(folder.glob("[!.]*.safetensors"))
        if self._continues:
            self._check_settings()
            self._check_faces()
            self._check_hashes()

    def _check_settings(self) -> None:
        """Raise a LivefanError if the folder has other settings. More epochs are accepted.

        Settings that an earlier version did not know have their default.
        """
        path = self.folder / CONFIG_NAME
        _read(path)
        before = read_config(path, {})
        accepted = before
        if (self.folder / STATE_NAME).exists():
            accepted = replace(before, epochs=max(before.epochs, self.config.epochs))
        settings = (to_toml(each).splitlines() for each in (before, accepted, self.config))
        for old, other, new in zip(*settings, strict=True):
            if other != new:
                raise LivefanError(
                    f"{path}: this folder holds a run with other settings, first {old!r}, which is {new!r} "
                    "now; choose another --out"
                )

    def _check_faces(self) -> None:
        path = self.folder / FACES_NAME
        before = _read(path).splitlines() if path.exists() else self._faces
        for old, new in zip_longest(before, self._faces, fillvalue="no further"):
            if old != new:
                raise LivefanError(
                    f"{path}: this folder holds a run on other faces, first {old!r}, which is {new!r} now; "
                    "name the same data as then, or choose another --out"
                )

    def _check_hashes(self) -> None:
        path = self.folder / HASHES_NAME
        if not path.exists():  # runs of earlier versions have none, or none of the labels
            return
        try:
            before = dict(json.loads(_read(path)))
        except (ValueError, TypeError) as error:
            raise LivefanError(f"{path}: is damaged ({error}); remove it, or choose another --out") from error
        for name, now in self._hashes.items():
            if before.get(name, now) == now:
                continue
            if name == "labels":
                raise LivefanError(
                    f"{path}: this folder holds a run on other labels or another scheme of the same faces; "
                    "restore them, or choose another --out"
                )
            raise LivefanError(
                f"{path}: this folder holds a run whose {name}, {getattr(self.config, name)}, was "
                "another file; restore that file, or choose another --out"
            )

    @property
    def precision(self) -> str:
        """The precision in which the run began, for a run that continues; else empty."""
        path = self.folder / ENVIRONMENT_NAME
        if not (self._continues and path.exists()):
            return ""
        try:
            return str(json.loads(_read(path)).get("precision", ""))
        except (ValueError, AttributeError):
            return ""

    def begin(self, skipped: Sequence[str] = (), hardware: Mapping[str, str | int] | None = None) -> None:
        """Write settings, versions, command, commit, hardware, faces, hashes, and the list of skipped files.

        A resumed run gets one more line in ``resumed.jsonl`` instead: time, command, commit, versions and
        hardware.

        Args:
            skipped: files that could not be used, each with the reason.
            hardware: result of :func:`livefan.training.summary.hardware`.
        """
        now = environment() | dict(hardware or {})
        self._write(FACES_NAME, "\n".join(self._faces) + "\n")
        self._write(HASHES_NAME, json.dumps(self._hashes, indent=1) + "\n")
        if self._continues:
            with (self.folder / RESUMED_NAME).open("a", encoding="utf-8") as resumed:
                resumed.write(json.dumps(now) + "\n")
            self._write(CONFIG_NAME, to_toml(self.config))
            return
        (self.folder / RESUMED_NAME).unlink(missing_ok=True)
        self._write(ENVIRONMENT_NAME, json.dumps(now, indent=1) + "\n")
        self._write("skipped.txt", "".join(f"{_line(text)}\n" for text in skipped))
        self._write(CONFIG_NAME, to_toml(self.config))

    def resume(self, state: State) -> Progress:
        """Load the state after the last finished epoch, if there is one, and return the progress.

        Raises:
            LivefanError: if the state is damaged or belongs to another network.
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
        """Write the state for :meth:`resume`, the history, and the weights if they are the best so far.

        Without validation the latest weights take the place of the best ones.

        Args:
            info: metadata of the weight files.
            keep_epoch: also write the weights of this epoch to a file of their own.
        """
        if keep_epoch:
            save_weights(self.folder / EPOCH_NAME.format(progress.epoch), state.average.network, info)
        error = progress.history[-1].get("validation_nme")
        if error is None or error < progress.best_nme:
            progress.best_nme = math.inf if error is None else error
            save_weights(self.folder / BEST_NAME, state.average.network, info)
        # The state comes last: a run that stops before it repeats the epoch and writes the others again.
        self._write("history.json", json.dumps(progress.history, indent=1) + "\n")
        with atomic_write(self.folder / STATE_NAME) as partial:
            # safetensors' save_file raises its own error on a full disk, not an OSError.
            partial.write_bytes(save(state.tensors(), metadata={"progress": json.dumps(vars(progress))}))

    def describe(self, progress: Progress, n_faces: int, decoder: str) -> WeightsInfo:
        """Return the metadata of a weight file of this run."""
        now, scheme = environment(), self._training.scheme
        init, teacher = without_folder(self.config.init), without_folder(self.config.teacher)
        return WeightsInfo(
            scheme=scheme.name,
            landmarks=None if scheme.name in BUILT_IN else table_of(scheme),
            architecture=self.config.architecture,
            width=self.config.width,
            decoder=decoder,
            input_size=self.config.input_sizes[0],
            mirror_offset=self.config.mirror_offset,
            training={
                "data": f"{n_faces} faces: {self._training.title or 'a set of labelled faces'}",
                "terms": "the annotations of 300W, WFLW and COFW are for research use; so are weights "
                "trained on them",
                "settings": to_toml(replace(self.config, init=init, teacher=teacher)),
                "seed": str(self.config.seed),
                "epoch": f"{progress.epoch} of {self.config.epochs}",
                "validation": self._validation_text(progress.history[-1]),
                "command": portable_command(),
                **{name: now[name] for name in ("commit", "torch")},
            },
        )

    def _validation_text(self, latest: Mapping[str, float]) -> str:
        if self._validation is None:
            return "none; trained on all faces"
        return validation_text(latest["validation_nme"], self._validation)

    def _write(self, name: str, text: str) -> None:
        with atomic_write(self.folder / name) as partial:
            partial.write_text(text, encoding="utf-8")


def validation_text(nme: float, faces: FaceSet) -> str:
    """Return the entry ``validation`` of a weight file: the error in percent, and the faces."""
    title = faces.title
    if title in ("", f"{title.partition(' ')[0]} validation"):
        title = f"a tenth of the training faces held out with seed {VALIDATION_SEED}"
    return f"{nme:.3f} % NME, inter-ocular, landmark-box crops, {title}"


def _line(text: str) -> str:
    """Return a text as one line of UTF-8; file names of Linux may hold other bytes, and line ends."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode("utf-8").splitlines())


def _read(path: Path) -> str:
    """Return the text of a file of the run.

    Raises:
        LivefanError: if it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LivefanError(f"{path}: is damaged ({error}); choose another --out") from error


def _hash(name_or_path: str) -> str:
    """Return the SHA-256 of a weight file, by path or bundled name; of an empty name an empty string."""
    if not name_or_path:
        return ""
    path = find_weights(name_or_path)
    refuse_pickle(path)
    return sha256_of(path)
