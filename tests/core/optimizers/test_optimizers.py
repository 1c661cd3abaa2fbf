"""Optimisers against the equations of their papers."""

import pytest
import torch

from core.discover import names, resolve
from core.optimizers.muon import orthogonalise


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4)])
def test_orthogonalise_keeps_directions_and_levels_singular_values(shape):
    g = torch.Generator().manual_seed(0)
    u, _, vh = torch.linalg.svd(torch.randn(shape, generator=g), full_matrices=False)
    values = torch.linspace(0.05, 1.0, min(shape))
    out = orthogonalise(u @ torch.diag(values) @ vh)
    levelled = torch.linalg.svdvals(out)
    assert levelled.min() > 0.6
    assert levelled.max() < 1.3
    aligned = u.mT @ out @ vh.mT
    assert torch.allclose(aligned, torch.diag(aligned.diag()), atol=1e-5)


def test_muon_step_is_lr_times_the_scaled_orthogonal_matrix():
    w = torch.nn.Parameter(torch.zeros(4, 3, 2))
    w.grad = torch.randn(w.shape, generator=torch.Generator().manual_seed(1))
    resolve("core.optimizers", "muon")([("w", w)], lr=0.1, momentum=0.95).step()
    update = orthogonalise(w.grad.flatten(1))  # momentum only rescales the first gradient, and scale is divided out
    assert torch.allclose(w.flatten(1), -0.1 * 0.2 * 6**0.5 * update, atol=1e-4)


@pytest.mark.parametrize("name", names("core.optimizers"))
def test_vectors_take_the_adamw_step(name):
    """For a constant gradient every AdamW step is lr * sign(gradient), and vectors never decay."""
    b = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = resolve("core.optimizers", name)([("bias", b)], lr=0.01, weight_decay=0.5)
    for _ in range(3):
        b.grad = torch.tensor([0.3, -4.0])
        optimizer.step()
    assert torch.allclose(b, torch.tensor([1.0 - 0.03, -2.0 + 0.03]), atol=1e-5)


@pytest.mark.parametrize("name", names("core.optimizers"))
def test_matrices_decay_by_lr_times_weight_decay(name):
    w = torch.nn.Parameter(torch.ones(2, 2))
    w.grad = torch.zeros(2, 2)
    resolve("core.optimizers", name)([("w", w)], lr=0.1, weight_decay=0.5).step()
    assert torch.allclose(w, torch.full((2, 2), 0.95))


@pytest.mark.parametrize("name", names("core.optimizers"))
def test_state_round_trip_continues_exactly(name):
    def run(steps, stop=None):
        p = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3) / 10)
        optimizer = resolve("core.optimizers", name)([("p", p)], lr=0.05)
        for k in range(steps):
            if k == stop:
                state, p = optimizer.state_dict(), torch.nn.Parameter(p.detach().clone())
                optimizer = resolve("core.optimizers", name)([("p", p)], lr=0.05)
                optimizer.load_state_dict(state)
            p.grad = torch.sin(p.detach() * 3 + k)
            optimizer.step()
        return p

    assert torch.equal(run(7), run(7, stop=4))
