"""The recordings that arguments name, and the names of their outputs."""

import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.annotation.batch import Outcome, summary
from livefan.annotation.inputs import earlier_names, find_recordings, name_outputs
from livefan.annotation.recordings import name_of
from livefan.core.errors import LivefanError


def test_folders_globs_and_paths_name_recordings(tmp_path: Path, talks: Path, photo: np.ndarray):
    def found(*inputs: object) -> tuple[list[str], bool]:
        recordings, many = find_recordings([str(given) for given in inputs])
        return [Path(recording).name for recording in recordings], many

    assert found(talks) == (["a2.mp4", "a10.mkv", "b.webm.mkv", "broken.mp4"], True)
    assert found(talks / "a*.m*") == (["a2.mp4", "a10.mkv"], True)
    assert found(talks / "a2.mp4") == (["a2.mp4"], False)
    assert found(talks / "b.webm.mkv", talks) == (
        ["b.webm.mkv", "a2.mp4", "a10.mkv", "broken.mp4"],
        True,
    )
    assert found("-") == (["-"], False)
    cv2.imwrite(str(tmp_path / "1.png"), photo)
    assert found(tmp_path) == ([tmp_path.name], False)  # a folder of images is one recording
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "empty", tmp_path / "*.mp4", tmp_path / "emp*", ""):
        with pytest.raises(
            LivefanError, match=r"no recordings.*empty/\*\*/\*\.mp4'$|matches no file|no recording given"
        ):
            found(nothing)


def test_address_with_a_query_is_no_pattern():
    assert find_recordings(["http://host/talk.mp4?key=1"]) == (["http://host/talk.mp4?key=1"], False)


def test_names_and_summary_hold_no_secret_of_an_address(tmp_path: Path):
    address = "http://me:secret@host/talk.mp4?key=secret.1/secret"
    (outputs,) = name_outputs([address], tmp_path, ".mp4", [".csv"])
    assert outputs.base.name == "talk"
    assert "secret" not in summary([Outcome(address, problem="fails")])


def test_outputs_are_named_after_their_recordings(tmp_path: Path):
    outputs = name_outputs(["x/a.mp4", "y/a.mkv", "b.mov", "c.jpg"], tmp_path, ".mp4", [".csv"])
    names = [[path.name for path in each] for each in outputs]
    assert names[0] == ["a_mp4.mp4", "a_mp4.csv", "a_mp4.livefan.json"]
    assert [each[0] for each in names] == ["a_mp4.mp4", "a_mkv.mp4", "b.mp4", "c.png"]


def test_recordings_with_equal_names_have_unique_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The names are unique on any file system and do not depend on the rest of the batch."""
    (tmp_path / "deep/images").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep/images")
    recordings = [
        "x/a.mp4",
        "y/a.mp4",
        "z/A.MP4",
        "a_mp4.mov",
        "x/b.mkv",
        "../../images/b.MKV",
        ".",
        "images",
    ]
    outputs = name_outputs(recordings, tmp_path, None, [".csv"])
    bases = [each.base for each in outputs]
    assert len({base.name.lower() for base in bases}) == len(recordings)
    assert {base.parent for base in bases} == {tmp_path}
    assert name_outputs([*recordings[:2], "new/a.mp4"], tmp_path, None, [".csv"])[:2] == outputs[:2]


def test_names_of_outputs_do_not_depend_on_how_a_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The same batch from another folder continues the same work."""
    for place in ("x/a.mp4", "y/a.mp4"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).touch()
    found = []
    for folder, recordings in (
        (".", [str(tmp_path / "x/a.mp4"), str(tmp_path / "y/a.mp4")]),
        (".", ["x/a.mp4", "./y/a.mp4"]),
        ("x", ["a.mp4", "../y/a.mp4"]),
    ):
        monkeypatch.chdir(tmp_path / folder)
        found.append([each.base.name for each in name_outputs(recordings, tmp_path, None, [".csv"])])
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == 2
    monkeypatch.chdir(tmp_path)
    assert find_recordings(["x/a.mp4", "./x/a.mp4", "y", str(tmp_path / "y/a.mp4")]) == (
        ["x/a.mp4", "y/a.mp4"],
        True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_give_their_own_names(tmp_path: Path):
    """Folders of git-annex and DVC hold links to files that are named after their content."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store/5f3a.bin").touch()
    (tmp_path / "videos").symlink_to(tmp_path / "store")
    (tmp_path / "talk.mp4").symlink_to(tmp_path / "store/5f3a.bin")
    names = [str(tmp_path / name) for name in ("talk.mp4", "videos")]
    outputs = name_outputs(names, tmp_path, None, [".csv"])
    assert [each.base.name for each in outputs] == ["talk", "videos"]
    assert name_of((tmp_path / "videos/1.png",)) == "videos"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_dead_link_in_a_folder_is_a_recording(tmp_path: Path):
    """git-annex and DVC leave such links where a file was not fetched; it must not be left out silently."""
    (tmp_path / "a.mp4").touch()
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "store.bin")
    (tmp_path / "notes.txt").symlink_to(tmp_path / "store.bin")
    found = [str(tmp_path / "a.mp4"), str(tmp_path / "gone.mp4")]
    assert find_recordings([str(tmp_path)]) == find_recordings([f"{tmp_path}/*.mp4"]) == (found, True)


def test_outputs_of_a_recording_with_a_long_name_are_shortened(tmp_path: Path):
    recordings = ["x" * 246 + end for end in ("a.mp4", "b.mp4")]
    outputs = name_outputs(recordings, tmp_path, ".mp4", [".coco.json"])
    names = [path.name for each in outputs for path in each]
    assert len(set(names)) == 6
    assert max(map(len, names)) <= 255


def test_annotation_whose_recording_gets_a_longer_name_is_named(tmp_path: Path):
    """With a.mkv beside it, a.mp4 becomes a_mp4; a reader of the folder would count it twice."""
    (tmp_path / "a.livefan.json").touch()
    for recordings, count in ((["a.mp4", "b.mp4"], 0), (["a.mp4", "a.mkv", "b.mp4"], 1)):
        outputs = name_outputs(recordings, tmp_path, None, [".csv"])
        lines = earlier_names(recordings, outputs)
        assert len(lines) == count
        assert all(f"{tmp_path / 'a.livefan.json'}: is of an earlier annotation" in line for line in lines)


def test_annotation_that_was_named_after_a_path_as_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Earlier versions took the checksum of the path as given, here of ``x/a.mp4``."""
    monkeypatch.chdir(tmp_path)
    earlier = tmp_path / f"a_mp4-{zlib.crc32(b'x/a.mp4'):08x}.livefan.json"
    earlier.touch()
    for recordings, count in ((["x/a.mp4", "b.mp4"], 0), (["x/a.mp4", "y/a.mp4"], 1)):
        outputs = name_outputs(recordings, tmp_path, None, [".csv"])
        lines = earlier_names(recordings, outputs)
        assert len(lines) == count
        assert all(line.startswith(f"{earlier}: is of an earlier annotation") for line in lines)
