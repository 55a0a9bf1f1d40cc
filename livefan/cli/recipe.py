"""Run a recipe: a TOML file with named stages, each of which is a livefan command.

A recipe goes from labelled and unlabelled faces to measured weights::

    [stages.profiles]
    command = "synthesise-profiles {data} --out {profiles}"

    [stages.distil]
    command = "train {data} --extra {profiles} --out {distil}"
    settings = { teacher = "teacher-300w", response_weight = 0.5 }

    [stages.figures]
    command = "evaluate {data} --weights {distil}/best.safetensors --json {figures}.json"

- ``{data}`` stands for the data set and its folder, ``{unlabelled}`` for the folder of unlabelled images,
  ``{reference}`` for the folder of WFLW.
- ``{NAME}`` stands for the path of the stage NAME in the output folder.
- ``settings`` are the settings of a ``train`` stage. They are written to ``NAME.toml`` in the output folder.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.folder_lock import locked
from livefan.core.provenance import environment
from livefan.core.resources import bundled_folder, find_weights
from livefan.external_models.open import is_external
from livefan.training.config import read_config
from livefan.training.distributed import own_rank
from livefan.training.run import BEST_NAME, EPOCH_NAME

RECIPE_NAME = "recipe.toml"
"""Copy of the recipe in the output folder, with the seed in its last line if one was given."""
_POLL_SECONDS = 0.2
_NEEDED_PACKAGES = {"synthesise-profiles": "mediapipe", "label": "mediapipe", "quantise": "nncf"}

ParseCommand = Callable[[Sequence[str]], argparse.Namespace]
"""Parses the words of a command; the namespace has the command's ``run`` function."""


@dataclass(frozen=True)
class Stage:
    """A stage of a recipe.

    Attributes:
        name: its name, and that of its output.
        command: the command line, with placeholders.
        settings: settings of a ``train`` stage, with placeholders; empty for other stages.
    """

    name: str
    command: str
    settings: Mapping[str, object]


@dataclass(frozen=True)
class Places:
    """The folders of a recipe's run.

    Attributes:
        dataset: layout of the labelled faces.
        root: folder of the labelled faces.
        unlabelled: folder of unlabelled images and videos, if there is one.
        out: output folder.
        reference: folder of WFLW, to fit conventions of labels, if there is one.
    """

    dataset: str
    root: Path
    unlabelled: Path | None
    out: Path
    reference: Path | None = None

    def paths(self, names: Sequence[str]) -> dict[str, str]:
        """Return the paths of the placeholders: the stages of these names, and the given folders."""
        given = {"unlabelled": str(self.unlabelled), "reference": str(self.reference)}
        return {name: str(self.out / name) for name in names} | given


@dataclass(frozen=True)
class _Command:
    """A stage with paths in place of its placeholders."""

    stage: Stage
    words: list[str]
    settings: dict[str, object]


def find_recipe(name_or_path: str | Path) -> Path:
    """Return a recipe by path, or by the name of one that ships with livefan.

    Raises:
        LivefanError: if there is neither.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    folder = bundled_folder("weights") / "recipes" / "staged"
    bundled = folder / f"{name_or_path}.toml"
    if path.name == str(name_or_path) and bundled.is_file():
        return bundled
    known = ", ".join(sorted(each.stem for each in folder.glob("*.toml"))) or "none shipped"
    named = name_or_path or "--recipe ''"
    raise LivefanError(f"{named}: no such recipe; give a path, or one of: {known}")


def read_recipe(path: Path) -> list[Stage]:
    """Read the stages of a recipe, in order.

    Raises:
        LivefanError: if the file cannot be read, or is not a recipe.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LivefanError(f"{path}: cannot be read as a TOML recipe ({error}); check the path") from error
    tables = content.get("stages")
    if not isinstance(tables, dict) or not tables or content.keys() != {"stages"}:
        raise LivefanError(f"{path}: a recipe has one table [stages.NAME] for each stage, and nothing else")
    return [_read_stage(path, name, table) for name, table in tables.items()]


def _read_stage(path: Path, name: str, table: Any) -> Stage:
    command, settings = ("", {})
    if isinstance(table, dict) and table.keys() <= {"command", "settings"}:
        command, settings = table.get("command", ""), table.get("settings", {})
    if not isinstance(command, str) or not command.split() or not isinstance(settings, dict):
        raise LivefanError(f"{path}: stage {name} needs a command, and for train its settings; nothing else")
    if settings and command.split()[0] != "train":
        raise LivefanError(f"{path}: stage {name}: only the command train has settings; remove them")
    return Stage(name, command, settings)


def run_recipe(path: Path, places: Places, parse: ParseCommand, seed: int = 0) -> None:
    """Run the stages of a recipe that are not finished.

    Every command line, setting, folder, weight file and package is checked before anything is written. A
    stopped stage is resumed by the next call, as far as its command can be resumed. Of several processes that
    torchrun started, all run the ``train`` stages. The first runs the others; the rest wait for its marker.

    Args:
        path: the recipe.
        places: its folders.
        parse: parser of livefan's commands.
        seed: added to the seed of every ``train`` stage.

    Raises:
        LivefanError: if the recipe cannot be run, the output folder holds another recipe or another seed,
            another process works in it, or a stage fails.
    """
    stages = [_with_seed(stage, seed) for stage in read_recipe(path)]
    names = [stage.name for stage in stages]
    commands = [_command(path, stage, places, names[:number]) for number, stage in enumerate(stages, 1)]
    kept = path.read_text(encoding="utf-8") + (f"# --seed {seed}\n" if seed else "")
    parsed = [_parsed(path, command, places, parse) for command in commands]
    _check_folder(kept, places.out)
    missing = sorted(set(_missing(commands, parsed, places)))
    if missing:
        raise LivefanError(f"{path}: cannot begin; missing are: {'; '.join(missing)}")
    places.out.mkdir(parents=True, exist_ok=True)
    with atomic_write(places.out / RECIPE_NAME) as partial:
        partial.write_text(kept, encoding="utf-8")
    first = own_rank() == 0
    with locked(places.out) if first else nullcontext():
        for command in commands:
            _write_settings(command, places)
        _run_stages(path, commands, parsed, places.out, first=first)


def _run_stages(
    path: Path,
    commands: Sequence[_Command],
    parsed: Sequence[argparse.Namespace],
    out: Path,
    *,
    first: bool,
) -> None:
    """Run the stages that are not finished.

    Raises:
        LivefanError: if a stage fails.
    """
    for number, (command, arguments) in enumerate(zip(commands, parsed, strict=True), 1):
        title = f"stage {number} of {len(commands)}, {command.stage.name}"
        if _is_finished(command.stage, out):
            if first:
                print(f"{title}: finished before", flush=True)
            continue
        if first:
            print(f"{title}: livefan {shlex.join(command.words)}", flush=True)
        if (first or command.words[0] == "train") and arguments.run(arguments) != 0:
            raise LivefanError(f"{path}: {title} failed; repeat the same command to resume")
        marker = _marker(command.stage, out)
        if first:
            with atomic_write(marker) as partial:
                partial.write_text(json.dumps(environment(), indent=1) + "\n", encoding="utf-8")
        while not marker.exists():
            time.sleep(_POLL_SECONDS)


def _command(path: Path, stage: Stage, places: Places, names: Sequence[str]) -> _Command:
    """Put paths in place of the placeholders of a stage, and check its settings.

    Args:
        names: the stages up to this one, whose outputs it may name.

    Raises:
        LivefanError: if a placeholder is unknown or a setting is wrong.
    """
    paths, data = places.paths(names), ["--dataset", places.dataset, "--root", str(places.root)]
    words: list[str] = []
    try:
        for word in shlex.split(stage.command):
            words += data if word == "{data}" else [_filled(word, paths)]
        settings = {
            key: _filled(value, paths) if isinstance(value, str) else value
            for key, value in stage.settings.items()
        }
        read_config(None, settings)
    except (LivefanError, ValueError) as error:  # a ValueError is of shlex, such as "No closing quotation"
        raise LivefanError(f"{path}: stage {stage.name}: {error}") from error
    return _Command(stage, words, settings)


def _filled(text: str, paths: Mapping[str, str]) -> str:
    """Return a text with paths in place of its placeholders.

    Raises:
        LivefanError: if a placeholder is unknown.
    """
    try:
        return text.format_map(paths)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        known = ", ".join(f"{{{name}}}" for name in paths)
        raise LivefanError(
            f"unknown placeholder in {text!r}; known here are {known}, and {{data}} as a word of its own"
        ) from error


def _parsed(path: Path, command: _Command, places: Places, parse: ParseCommand) -> argparse.Namespace:
    """Parse the words of a stage; a ``train`` stage with settings gets their file.

    Raises:
        LivefanError: if the words are wrong, or name other settings.
    """
    try:
        arguments = parse(command.words)
        if vars(arguments).get("recipe") is not None:
            raise LivefanError("a stage cannot run another recipe; write its stages into this one")
        if command.settings:
            if vars(arguments).get("config") or vars(arguments).get("seed") is not None:
                raise LivefanError("its command has --config or --seed; write them into its settings")
            arguments.config = _settings_path(command, places)
    except LivefanError as error:
        raise LivefanError(f"{path}: stage {command.stage.name}: {error}") from error
    return arguments


def _with_seed(stage: Stage, seed: int) -> Stage:
    """Return a stage whose seed is higher by this much, if it trains."""
    if not seed or stage.command.split()[0] != "train":
        return stage
    own = stage.settings.get("seed", 0)
    return replace(stage, settings={**stage.settings, "seed": own + seed if isinstance(own, int) else own})


def _settings_path(command: _Command, places: Places) -> Path:
    return places.out / f"{command.stage.name}.toml"


def _write_settings(command: _Command, places: Places) -> None:
    """Write the settings of a ``train`` stage."""
    if not command.settings:
        return
    with atomic_write(_settings_path(command, places)) as partial:
        # For strings, numbers and lists of them, JSON's notation is TOML's too.
        partial.write_text(
            "".join(f"{key} = {json.dumps(value)}\n" for key, value in command.settings.items()),
            encoding="utf-8",
        )


def _check_folder(recipe: str, out: Path) -> None:
    """Raise a LivefanError if the output folder holds another recipe or seed."""
    kept = out / RECIPE_NAME
    if kept.exists() and kept.read_text(encoding="utf-8") != recipe:
        raise LivefanError(
            f"{kept}: this folder holds the run of another recipe or seed; choose another --out"
        )


def _missing(
    commands: Sequence[_Command], parsed: Sequence[argparse.Namespace], places: Places
) -> Iterator[str]:
    """Yield all folders, weight files and packages that the stages need and that are missing."""
    if not places.root.is_dir():
        yield f"folder {places.root} (--root)"
    for option, folder, content in (
        ("unlabelled", places.unlabelled, "unlabelled images"),
        ("reference", places.reference, "WFLW"),
    ):
        if any(f"{{{option}}}" in command.stage.command for command in commands):
            if folder is None:
                yield f"a folder of {content} (--{option})"
            elif not folder.exists():
                yield f"folder {folder} (--{option})"
    written: set[Path] = set()
    for command, arguments in zip(commands, parsed, strict=True):
        package = _NEEDED_PACKAGES.get(command.words[0])
        if package and find_spec(package) is None:
            yield f"package {package}"
        for folder in vars(arguments).get("extra") or ():
            if folder not in written and not folder.is_dir():
                yield f"folder {folder} (--extra)"
        names = [command.settings.get(name) for name in ("init", "teacher")]
        for option in ("weights", "candidates", "init"):
            value = vars(arguments).get(option)
            names += value if isinstance(value, list) else [value]
        for name in map(str, filter(None, names)):
            if Path(name) not in written and not _weights_exist(name):
                yield f"weights {name}"
        written.update(_written(command, arguments))


def _written(command: _Command, arguments: argparse.Namespace) -> Iterator[Path]:
    """Yield the weight files that a training stage writes, or the file or folder of another stage."""
    out: Path | None = vars(arguments).get("out")
    if out is None:
        return
    if command.words[0] != "train":
        yield out
        return
    yield out / BEST_NAME
    if arguments.keep_epochs:
        config = read_config(None if command.settings else arguments.config, command.settings)
        epochs = range(1, (arguments.epochs or config.epochs) + 1)
        yield from (out / EPOCH_NAME.format(epoch) for epoch in epochs)


def _weights_exist(name: str) -> bool:
    if is_external(name):
        return True
    try:
        find_weights(name)
    except LivefanError:
        return False
    return True


def _marker(stage: Stage, out: Path) -> Path:
    return out / f"{stage.name}.finished.json"


def _is_finished(stage: Stage, out: Path) -> bool:
    # The folder of labels appears only when it is complete.
    return _marker(stage, out).exists() or (
        stage.command.split()[0] in ("label", "derive-labels") and (out / stage.name).is_dir()
    )
