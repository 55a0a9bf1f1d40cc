import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livefan.core.arguments import checked_integer, checked_number, checked_type
from livefan.core.errors import LivefanError

ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))


@pytest.mark.slow
@given(ANYTHING)
def test_number_in_range_is_returned_and_all_else_refused(value: object):
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        assert checked_number("strength", value, 0, 1) == value
    else:
        with pytest.raises(LivefanError, match=r"^strength=.*: pass a number from 0 to 1"):
            checked_number("strength", value, 0, 1)


@given(ANYTHING)
def test_integer_in_range_is_returned_and_all_else_refused(value: object):
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        assert checked_integer("count", value, 1) == value
    else:
        with pytest.raises(LivefanError, match=r"^count=.*: pass an integer of at least 1"):
            checked_integer("count", value, 1)


def test_numpy_numbers_are_numbers():
    assert checked_integer("count", np.int64(3), 1) == 3
    assert checked_number("strength", np.float32(0.5), 0, 1) == 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_number_without_upper_limit_is_finite(value: float):
    with pytest.raises(LivefanError, match=r"seconds=.*: pass a number of at least 0"):
        checked_number("seconds", value, 0)


def test_wrong_type_names_the_expected_types():
    checked_type("name", None, str, type(None))
    with pytest.raises(LivefanError, match=r"^name=3: pass a str or None$"):
        checked_type("name", 3, str, type(None))
