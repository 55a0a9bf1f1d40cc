import sys
from pathlib import Path

import pytest

import livefan
from livefan.benchmark.child import output_of
from livefan.core.errors import LivefanError


def test_child_finds_this_livefan_and_further_variables():
    code = "import livefan, os; print(livefan.__file__, os.environ['LIVEFAN_SAID'])"
    file, said = output_of("it fails", ["-c", code], {"LIVEFAN_SAID": "hello"}).split()
    assert (Path(file), said) == (Path(livefan.__file__), "hello")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param(
            "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
            "its process was ended by SIGTERM",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals"),
        ),
        ("raise SystemExit('before\\nlivefan: no such camera')", "no such camera"),
        ("raise SystemExit(3)", "its process ended with exit code 3 and no message"),
    ],
)
def test_failure_of_a_child_has_a_reason(code: str, reason: str):
    with pytest.raises(LivefanError) as raised:
        output_of("it fails", ["-c", code])
    assert str(raised.value) == f"it fails: {reason}"


def test_child_that_does_not_end_is_ended():
    with pytest.raises(LivefanError, match=r"it fails: its process did not end within 0\.2 s"):
        output_of("it fails", ["-c", "import time; time.sleep(60)"], time_limit_s=0.2)
