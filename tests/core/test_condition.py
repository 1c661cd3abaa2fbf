"""Conditions: what an absent row is, and which rows dropout makes absent."""

import pytest
import torch

from core.condition import absent, dropped, is_absent, same, unconditional
from core.discover import build
from core.schedules.cosine import Cosine
from core.training.objective import Objective

NAN = float("nan")
ROWS = {
    "label": torch.tensor([3, -1]),
    "words": torch.tensor([[[97, -1]], [[-1, -1]]]),
    "value": torch.tensor([0.5, NAN], dtype=torch.float64),
    "signal": torch.tensor([[[1.0, NAN]], [[NAN, NAN]]]),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_absent_where_all_of_it_is(name):
    """A row that is absent in part is not: padded text, a clip of which some frames are known."""
    rows = ROWS[name]
    assert is_absent(rows).tolist() == [False, True]
    gone = absent(rows)
    assert (gone.shape, gone.dtype) == (rows.shape, rows.dtype)
    assert is_absent(gone).all()
    kept = dropped(rows, torch.tensor([False, True]))
    assert torch.equal(kept.nan_to_num(7), rows.nan_to_num(7))
    assert is_absent(dropped(rows, torch.tensor([True, False]))).all()


def test_flags_are_never_absent():
    flags = torch.tensor([True, False])
    assert torch.equal(absent(flags), flags)
    assert not is_absent(flags).any()


def test_guidance_moves_away_from_everything_but_the_flags():
    gone = unconditional(ROWS | {"stills": torch.tensor([True, False])})
    assert all(is_absent(gone[name]).all() for name in ROWS)
    assert gone["stills"].tolist() == [True, False]
    assert unconditional(None) is None


def test_missing_and_absent_mean_the_same():
    assert same(None, {})
    assert same({"label": torch.tensor([-1, -1])}, None)
    assert same(ROWS, {name: rows.clone() for name, rows in ROWS.items()})
    for name, rows in ROWS.items():
        assert not same(ROWS, {**ROWS, name: rows.flip(0)})
    assert not same({"stills": torch.tensor([True])}, {})


def drawn(cond, **shares):
    objective = Objective(build("core.densities", "uniform"), build("core.weightings", "v"), **shares)
    return objective.draw(Cosine(), torch.zeros(4000, 1), cond, torch.Generator().manual_seed(0)).cond


def test_all_conditions_of_an_example_are_dropped_together_and_one_alone_at_its_own_rate():
    """Shares of the four cases are products of the rates, within five standard deviations of 4,000 draws."""
    cond = {"label": torch.arange(4000), "value": torch.rand(4000, 2), "stills": torch.arange(4000) % 2 == 0}
    got = drawn(cond, condition_dropout=0.2, own_dropout={"value": 0.3})
    label, value = is_absent(got["label"]), is_absent(got["value"])
    assert torch.equal(got["stills"], cond["stills"])
    assert not (label & ~value).any()
    for share, want in ((label, 0.2), (value & ~label, 0.8 * 0.3)):
        assert share.float().mean().item() == pytest.approx(want, abs=5 * (want * (1 - want) / 4000) ** 0.5)
    assert torch.equal(got["value"][~value], cond["value"][~value])
    assert drawn(cond, condition_dropout=0.0) == cond
    assert drawn(None) is None


def test_own_dropout_takes_no_draw_from_those_before_it():
    """What is dropped together does not depend on which conditions there are: old runs go on as they were."""
    label = torch.arange(4000)
    alone = drawn({"label": label}, condition_dropout=0.5)
    more = drawn({"label": label, "a": torch.rand(4000)}, condition_dropout=0.5, own_dropout={"a": 0.5})
    assert torch.equal(alone["label"], more["label"])
