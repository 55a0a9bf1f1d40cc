"""Landmark schemes of users."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, LandmarkScheme, scheme_by_name
from livefan.core.scheme_file import read_scheme, scheme_from, table_of

EXAMPLE = Path("docs/scheme-20.toml")


def test_example_defines_twenty_points():
    scheme = read_scheme(EXAMPLE)
    assert scheme.n_points == 20
    names = scheme.point_names
    mirrored = [names[index] for index in scheme.mirror_order]
    swapped = [name.replace("right", "*").replace("left", "right").replace("*", "left") for name in names]
    assert mirrored == swapped
    assert np.array_equal(scheme.mirror_order[scheme.mirror_order], np.arange(20))
    assert scheme_by_name("mini-20") == scheme


def test_file_is_read_as_utf_8_whatever_the_locale(tmp_path: Path):
    path = tmp_path / "scheme.toml"
    path.write_text("# Köpfe\n" + EXAMPLE.read_text(), encoding="utf-8")
    code = (
        "import sys, pathlib; from livefan.core.scheme_file import read_scheme; "
        "print(read_scheme(pathlib.Path(sys.argv[1])).n_points)"
    )
    # Python warns where the encoding of the locale is used, such as that of Windows.
    strict = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning"]
    done = subprocess.run([sys.executable, *strict, "-c", code, str(path)], capture_output=True, check=False)
    assert done.stdout.split() == [b"20"], done.stderr


@pytest.mark.parametrize("scheme", [IBUG_68, WFLW_98, COFW_29], ids=lambda scheme: scheme.name)
def test_scheme_survives_its_table(scheme: LandmarkScheme):
    assert scheme_from(table_of(scheme), Path("x")) == scheme


def test_other_scheme_of_one_name_names_both_places(tmp_path: Path):
    text = EXAMPLE.read_text().replace('"mini-20"', '"twice-20"')
    for name, content in (("a", text), ("b", text), ("c", text.replace('"chin"', '"jaw"'))):
        (tmp_path / f"{name}.toml").write_text(content)
    assert read_scheme(tmp_path / "a.toml") == read_scheme(tmp_path / "b.toml")
    message = rf"c\.toml: another landmark scheme is called 'twice-20' in {tmp_path}/a\.toml; choose another"
    with pytest.raises(LivefanError, match=message):
        read_scheme(tmp_path / "c.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "mini-20"', "", "has exactly the entries name, points"),
        ('"chin",', '"chin", "chin",', "points must be different names"),
        ('"chin",', '"chin, lower",', "'chin, lower' has a comma, a quote or a line end"),
        ('["mouth_right", "mouth_left"],', '["mouth_right", "mouth"],', "not a landmark scheme: 'mouth'"),
        ('["mouth_right", "mouth_left"],', '["mouth_right", "right_nostril"],', "in more than one"),
        ('normaliser = ["right_eye_outer", ', "normaliser = [", "must be 2 points"),
        ('name = "mini-20"', 'name = "cofw-29"', "another landmark scheme is called 'cofw-29'"),
        ('name = "mini-20"', "name = ", "cannot be read as a landmark scheme"),
    ],
)
def test_wrong_scheme_gives_one_line_error(tmp_path: Path, old: str, new: str, message: str):
    text = EXAMPLE.read_text()
    assert old in text
    (tmp_path / "scheme.toml").write_text(text.replace(old, new))
    with pytest.raises(LivefanError, match=message) as error:
        read_scheme(tmp_path / "scheme.toml")
    assert str(error.value).startswith(f"{tmp_path / 'scheme.toml'}: ")
    assert "\n" not in str(error.value)
