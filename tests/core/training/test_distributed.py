"""Two processes, forked and joined over a file: what they gather, average and remember is one thing."""

import multiprocessing

import torch
import torch.distributed as dist

from core.draws.loss_aware import LossAware
from core.training.distributed import average, everyone

U = torch.linspace(0.01, 0.99, 22)
LOSSES = torch.linspace(1, 9, 22)


def observed(u, losses):
    draws = LossAware(bins=3, history=4)
    draws.observe(u, losses)
    return draws


def process(rank, meeting, results):
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    mean = torch.tensor([float(rank), 4.0 * rank])
    average([mean])
    draws = observed(U[rank::2], LOSSES[rank::2])
    results.put((rank, everyone(U[rank::2]).tolist(), mean.tolist(), draws.losses.tolist(), draws.seen.tolist()))
    dist.destroy_process_group()


def test_two_processes_are_one(tmp_path):
    """Rows come back in the order of the global batch; means are means; a loss history sees all losses in that order,
    more of them than fit included."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    both = [context.Process(target=process, args=(rank, tmp_path / "meeting", results)) for rank in range(2)]
    for one in both:
        one.start()
    got = sorted(results.get(timeout=60) for _ in both)
    for one in both:
        one.join(60)
        assert one.exitcode == 0
    alone = observed(U, LOSSES)
    for rank, rows, mean, losses, seen in got:
        assert rows == U.tolist(), rank
        assert mean == [0.5, 2.0]
        assert losses == alone.losses.tolist()
        assert seen == alone.seen.tolist()


def test_alone_nothing_changes():
    mean = torch.tensor([3.0])
    average([mean])
    assert mean.item() == 3
    assert everyone(U) is U
