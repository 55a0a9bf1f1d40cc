"""bootstrap.py, and whether the lock files agree with pyproject.toml."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


@pytest.fixture
def bootstrap() -> ModuleType:
    """A fresh copy of the module; the tests replace its constants."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment, made once; its pip is an empty package, since nothing is installed."""
    path = tmp_path_factory.mktemp("venv") / ".venv"
    venv.create(path, symlinks=True)
    package = Path(sysconfig.get_path("purelib", "venv", {"base": str(path)})) / "pip"
    package.mkdir()
    (package / "__init__.py").touch()
    return path


@pytest.fixture
def checkout(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> ModuleType:
    """The module in an empty checkout; environments are copies, and installations are only recorded."""

    def copy_venv(python: Sequence[str]) -> None:
        made = request.getfixturevalue("made_venv")
        shutil.copytree(made, bootstrap.VENV, symlinks=True, dirs_exist_ok=True)

    monkeypatch.setattr(bootstrap, "make_venv", copy_venv)
    (tmp_path / "requirements.txt").write_text("numpy==1.26.4\n")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/dev.txt").write_text("pytest==9.2.0\n")
    (tmp_path / "requirements/torch.txt").write_text(
        "# Download in MB: linux 2990, macos 139, windows 127, linux-cpu 192\ntorch==2.13.0\n"
    )
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / "livefan-setup")
    monkeypatch.setattr(bootstrap, "ensure_libraries", lambda more: None)
    monkeypatch.setattr(bootstrap, "find_python", lambda: [sys.executable])
    monkeypatch.setattr(bootstrap, "installed", [], raising=False)
    monkeypatch.setattr(bootstrap, "install", bootstrap.installed.append)
    return bootstrap


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.split(" ;")[0].split("==") for line in lines if not line.startswith("#"))


@pytest.mark.slow
def test_set_up_installs_once_until_a_requirement_changes(checkout: ModuleType) -> None:
    checkout.set_up(checkout.RUN_FILES)
    checkout.set_up(checkout.RUN_FILES)
    assert checkout.installed == [checkout.RUN_FILES]
    (checkout.ROOT / "livefan.py").touch()
    found = [checkout.venv_python(), "-E", "-c", "import livefan; print(livefan.__file__)"]
    elsewhere = subprocess.run(found, cwd="/", capture_output=True, text=True, check=True)
    assert Path(elsewhere.stdout.strip()) == checkout.ROOT / "livefan.py"

    (checkout.ROOT / "requirements.txt").write_text("numpy==1.26.3\n")
    checkout.set_up(checkout.RUN_FILES)
    assert checkout.installed == [checkout.RUN_FILES] * 2


@pytest.mark.slow
def test_environment_of_the_tests_serves_for_running_and_not_the_reverse(checkout: ModuleType) -> None:
    checkout.set_up(checkout.RUN_FILES)
    checkout.set_up(checkout.DEV_FILES)
    checkout.set_up(checkout.RUN_FILES)
    assert checkout.installed == [checkout.RUN_FILES, checkout.DEV_FILES]


@pytest.mark.slow
def test_interrupted_installation_is_repeated(checkout: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(files: tuple[str, ...]) -> None:
        (checkout.VENV / "half-written").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(checkout, "install", stopped)
        with pytest.raises(KeyboardInterrupt):
            checkout.set_up(checkout.RUN_FILES)
    assert (checkout.VENV / "half-written").exists()

    checkout.set_up(checkout.RUN_FILES)
    assert checkout.installed == [checkout.RUN_FILES]
    assert not (checkout.VENV / "half-written").exists()


def test_folder_of_another_origin_is_never_deleted(checkout: ModuleType) -> None:
    checkout.VENV.mkdir()
    (checkout.VENV / "mine").touch()
    with pytest.raises(checkout.SetupError, match="remove it"):
        checkout.set_up(checkout.RUN_FILES)
    assert (checkout.VENV / "mine").exists()


def fake_pythons(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, found: dict[str, tuple[int, int]]
) -> None:
    """Make these commands Pythons of these versions; no package manager."""
    monkeypatch.setattr(bootstrap, "python_candidates", lambda: [[command] for command in found])
    monkeypatch.setattr(
        bootstrap, "python_version", lambda command, module="venv": found[command[0]] if found else None
    )
    monkeypatch.setattr(bootstrap, "can_apt", lambda: False)


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ({"this": (3, 11), "python3.12": (3, 12)}, "this"),
        ({"this": (3, 15), "python3.14": (3, 14)}, "this"),
        ({"this": (3, 8), "python3.14": (3, 10), "python3.11": (3, 11)}, "python3.11"),
    ],
)
def test_choice_of_python(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    found: dict[str, tuple[int, int]],
    chosen: str,
) -> None:
    fake_pythons(bootstrap, monkeypatch, found)
    assert bootstrap.find_python() == [chosen]


def test_too_old_python_gives_one_line_with_the_versions(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pythons(bootstrap, monkeypatch, {"this": (3, 10)})
    with pytest.raises(bootstrap.SetupError, match=r"^needs Python 3\.11 or newer.*install one"):
        bootstrap.find_python()


def test_python_version_runs_the_command(bootstrap: ModuleType) -> None:
    assert bootstrap.python_version([sys.executable]) == sys.version_info[:2]
    assert bootstrap.python_version([sys.executable], "no_such_module") is None
    assert bootstrap.python_version(["no-such-python"]) is None


def test_python_without_ensurepip_names_the_debian_package(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pythons(bootstrap, monkeypatch, {"this": (3, 12)})
    monkeypatch.setattr(
        bootstrap, "python_version", lambda command, module="venv": (3, 12) if module == "venv" else None
    )
    with pytest.raises(bootstrap.SetupError, match=r"sudo apt-get install .* python3\.12-venv$"):
        bootstrap.find_python()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for a Linux library")
def test_missing_returns_the_libraries_that_do_not_load(bootstrap: ModuleType) -> None:
    libraries = {"libc.so.6": "libc6", "libnosuch.so.9": "libnosuch9"}
    assert bootstrap.missing(libraries) == {"libnosuch.so.9": "libnosuch9"}


def test_advice_is_one_command_with_each_package_once(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = {"libb.so.1": "libtwo", "liba.so.1": "libone", "libc.so.1": "libone"}
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: object())
    assert bootstrap.library_advice(absent, has_apt=True) == (
        "missing system libraries (liba.so.1, libb.so.1, libc.so.1); run: sudo apt-get update && "
        "sudo apt-get install -y --no-install-recommends libone libtwo"
    )
    assert "apt-get" not in bootstrap.library_advice(absent, has_apt=False)
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: None)
    assert bootstrap.library_advice(absent, has_apt=True).endswith(" libone libtwo python3-venv")


@pytest.mark.parametrize(
    ("screen", "stops"), [("", False), (":0", True)], ids=["without a screen", "with a screen"]
)
def test_libraries_of_the_window_are_required_only_with_a_screen(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    screen: str,
    stops: bool,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(bootstrap, "can_apt", lambda: False)
    monkeypatch.setattr(bootstrap, "is_loadable", lambda library: library not in bootstrap.WINDOW_LIBRARIES)
    if stops:
        with pytest.raises(bootstrap.SetupError, match=r"libxcb-cursor\.so\.0"):
            bootstrap.ensure_libraries()
    else:
        bootstrap.ensure_libraries()
        assert "only for the window and the tests, missing system libraries" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_screen_detection(
    bootstrap: ModuleType, platform: str, environment: dict[str, str], expected: bool
) -> None:
    assert bootstrap.has_screen(platform, environment) is expected


@pytest.mark.parametrize(
    ("output", "mend"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "free some"),
        ("WARNING: Retrying (Retry(total=4\nERROR: No matching distribution found for a==1", "network"),
        ("ERROR: No matching distribution found for mediapipe==0.10.21", "mediapipe==0.10.21"),
        ("Collecting a\nERROR: something else", "something else"),
        ("", "no reason given"),
    ],
)
def test_pip_failure_gives_one_line_with_the_mend(bootstrap: ModuleType, output: str, mend: str) -> None:
    line = bootstrap.pip_failure(output)
    assert mend in line
    assert "\n" not in line


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["nonsense"], 2), (["--help"], 0)])
def test_without_a_known_command_the_usage_is_printed(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    assert bootstrap.main(arguments) == code
    assert "bootstrap.py run" in capsys.readouterr().out


def test_errors_are_one_line_and_exit_code_2(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(files: tuple[str, ...]) -> None:
        raise bootstrap.SetupError("the mend")

    monkeypatch.setattr(bootstrap, "set_up", fails)
    assert bootstrap.main(["setup"]) == 2
    assert capsys.readouterr().err == "bootstrap: the mend\n"


def test_arguments_of_run_reach_livefan(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def call(arguments: list[str], folder: Path | None = None) -> int:
        calls.append(arguments)
        return 7

    monkeypatch.setattr(bootstrap, "set_up", lambda files: None)
    monkeypatch.setattr(bootstrap, "call", call)
    assert bootstrap.main(["run", "annotate", "a.mp4"]) == 7
    assert calls == [[str(ROOT / "main.py"), "annotate", "a.mp4"]]


def test_run_without_a_screen_annotates_the_clip_and_names_the_results(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def annotate(arguments: list[str], folder: Path | None = None) -> int:
        assert arguments[1:3] == ["annotate", str(ROOT / "assets" / "expressions.mp4")]
        for suffix in (".mp4", ".csv"):
            (tmp_path / arguments[4]).with_suffix(suffix).touch()
        return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "set_up", lambda files: None)
    monkeypatch.setattr(bootstrap, "has_screen", lambda platform, environment: False)
    monkeypatch.setattr(bootstrap, "call", annotate)
    assert bootstrap.main(["run"]) == 0
    printed = capsys.readouterr().out
    assert f"result: {tmp_path / 'livefan-demo.csv'}\nresult: {tmp_path / 'livefan-demo.mp4'}\n" in printed


def test_crash_of_the_command_gives_a_nonzero_exit_code(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "call", lambda command, cwd: -11)
    assert bootstrap.call(["-m", "pytest"]) == 139


@pytest.fixture
def pip(checkout: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of pip's calls on Linux without an NVIDIA driver; every call fails."""
    calls: list[list[str]] = []

    def fail(arguments: list[str]) -> str:
        calls.append(arguments)
        return "no reason given"

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(checkout, "has_nvidia_driver", lambda: False)
    monkeypatch.setattr(checkout, "pip_install", fail)
    return calls


def test_torch_comes_from_a_configured_folder_then_the_cpu_index_then_pypi(
    checkout: ModuleType, pip: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.install_cpu_torch()
    folder, index = pip
    assert folder[-2:] == ["--no-index", "torch==2.13.0"]
    assert checkout.TORCH_CPU_INDEX in index
    assert index[-1] == "torch==2.13.0+cpu"
    printed = capsys.readouterr().out
    assert "192 MB from https://download.pytorch.org/whl/cpu" in printed
    assert "does not answer: the CUDA build of torch instead, 2990 MB" in printed


def test_running_without_torch_installs_no_torch(
    bootstrap: ModuleType, checkout: ModuleType, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "torch" not in pins("requirements.txt")
    monkeypatch.setattr(bootstrap, "pip_install", lambda arguments: "")
    monkeypatch.setattr(bootstrap, "install_cpu_torch", lambda: pytest.fail("installs torch"))
    bootstrap.install(bootstrap.RUN_FILES)


@pytest.mark.slow
def test_size_of_the_download_is_printed_before_it_begins(
    checkout: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    (checkout.ROOT / "requirements.txt").write_text("# Download in MB: linux 399, macos 261\nnumpy==2.4.6\n")
    checkout.set_up(checkout.RUN_FILES)
    assert "downloads up to 399 MB;" in capsys.readouterr().out
    checkout.set_up(checkout.DEV_FILES)
    assert "downloads up to 399 MB, and torch;" in capsys.readouterr().out


LOCKS = "requirements.txt", "requirements/dev.txt", "requirements/torch.txt"


@pytest.mark.parametrize("name", LOCKS)
def test_requirements_are_exact_pins(name: str) -> None:
    assert pins(name)
    assert all(re.fullmatch(r"\d+(\.\w+)+", version) for version in pins(name).values())


def test_lock_of_the_tests_extends_the_lock_of_the_application() -> None:
    application, dev = pins("requirements.txt"), pins("requirements/dev.txt")
    assert application.items() <= dev.items()
    assert not [name for name in dev if name.startswith(("torch", "nvidia", "triton"))]


def test_both_opencv_builds_are_one_version() -> None:
    required = pins("requirements/dev.txt")
    assert required["opencv-python"] == required["opencv-contrib-python"]


def test_lock_files_are_within_the_ranges_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    ranges = [Requirement(line) for line in [*project["dependencies"], *chain(*extras.values())]]
    locked = {name: version for lock in LOCKS for name, version in pins(lock).items()}
    for requirement in ranges:
        if requirement.name != "livefan":
            assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_oldest_python_is_that_of_pyproject(bootstrap: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">={}.{}".format(*bootstrap.OLDEST)
