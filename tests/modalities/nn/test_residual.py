"""The residual block: identity at the start, the written formula afterwards."""

import torch
from torch.nn import functional

from modalities.nn.residual import Residual


def test_starts_as_the_identity_or_its_projection():
    x, e = torch.randn(2, 8, 4, 4), torch.randn(2, 16)
    assert torch.equal(Residual(8, 8, 16, kernel=(3, 3), dropout=0.0)(x, e), x)
    block = Residual(8, 12, 16, kernel=(3, 3), dropout=0.0)
    assert torch.equal(block(x, e), block.project(x))


def test_equals_the_formula():
    torch.manual_seed(0)
    block = Residual(8, 8, 16, kernel=(3, 3), dropout=0.0).double()
    torch.nn.init.normal_(block.conv2.weight, std=0.1)
    torch.nn.init.normal_(block.modulation.weight, std=0.1)
    x, e = torch.randn(2, 8, 5, 5, dtype=torch.float64), torch.randn(2, 16, dtype=torch.float64)

    def hat(z):
        return (z - z.mean(1, keepdim=True)) / (z.var(1, correction=0, keepdim=True) + 1e-5).sqrt()

    y = functional.conv2d(functional.silu(hat(x)), block.conv1.weight, padding=1)
    scale, shift = block.modulation(e)[:, :, None, None].chunk(2, dim=1)
    y = functional.conv2d(functional.silu((1 + scale) * hat(y) + shift), block.conv2.weight, padding=1)
    torch.testing.assert_close(block(x, e), x + y)


def test_dropout_acts_in_training_only():
    block = Residual(8, 8, 16, kernel=(3, 3), dropout=0.5)
    torch.nn.init.normal_(block.conv2.weight, std=0.1)
    x, e = torch.randn(2, 8, 4, 4), torch.randn(2, 16)
    assert not torch.equal(block(x, e), block(x, e))
    block.eval()
    assert torch.equal(block(x, e), block(x, e))
