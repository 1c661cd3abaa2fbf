"""Options per level: one number serves all, a list must fit."""

import pytest

from modalities.nn.options import per_level


def test_one_number_serves_all_levels_and_a_list_must_fit():
    assert per_level("blocks", 2, 3) == (2, 2, 2)
    assert per_level("attention", True, 2) == (True, True)
    with pytest.raises(ValueError, match=r"blocks=\[1, 2\] has 2 entries, but there are 3"):
        per_level("blocks", [1, 2], 3)
    with pytest.raises(ValueError, match="blocks=0 must be at least 1"):
        per_level("blocks", [1, 0, 2], 3, least=1)
