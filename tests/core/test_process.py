import sys

import pytest

from livefan.core.process import free_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say")
def test_free_memory_is_known_on_linux():
    free = free_bytes()
    assert free is not None
    assert free > 0
