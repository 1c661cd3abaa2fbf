"""The order of the data is a function of (seed, step)."""

from itertools import islice

import pytest

from core.training.order import data_order
from core.training.seeds import seed_of


def take(n, **options):
    return list(islice(data_order(10, 4, seed=7, **options), n))


def test_a_later_start_continues_the_same_stream():
    assert take(12)[5:] == take(7, start=5)


def test_every_epoch_visits_each_item_once_in_a_new_order():
    flat = [draw.item for batch in take(15) for draw in batch]
    epochs = [flat[i : i + 10] for i in range(0, 60, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_ranks_divide_each_batch_of_the_single_process():
    whole, parts = take(6), [take(6, rank=r, ranks=2) for r in range(2)]
    for step in range(6):
        assert sorted(parts[0][step] + parts[1][step]) == sorted(whole[step])


def test_the_second_visit_of_an_item_has_another_seed():
    draws = [draw for batch in take(5) for draw in batch]
    assert len({draw.seed for draw in draws}) == len(draws)


@pytest.mark.parametrize(("length", "batch", "ranks"), [(0, 4, 1), (10, 3, 2), (10, 0, 1)])
def test_impossible_orders_are_refused(length, batch, ranks):
    with pytest.raises(ValueError, match=r"empty|multiple"):
        next(data_order(length, batch, seed=0, ranks=ranks))


def test_seeds_are_pinned():
    """Changing the hash would silently change every training and every sample: this number must stay."""
    assert seed_of(0) != seed_of(0, 0) != seed_of(1, 0)
    assert seed_of(1, 2, 3) == 6520558355739401531
