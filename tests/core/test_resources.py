import pytest

from livefan.core.errors import LivefanError
from livefan.core.resources import SHORT_NAMES, find_weights, shipped_models


def test_short_name_finds_shipped_weights():
    assert find_weights("fast").stem == "mobilefan-fast-300w"
    assert set(SHORT_NAMES.values()) <= set(shipped_models())


def test_unknown_weights_give_one_line_with_the_shipped_names():
    with pytest.raises(LivefanError, match=r"slow: no such weight file; .*mobilefan-300w") as error:
        find_weights("slow")
    assert "\n" not in str(error.value)
