"""The gradient penalty on functions whose gradient is known, and what it is for: the Dirac-GAN converges with it."""

import pytest
import torch
from torch import nn

from core.discover import build
from modalities.adversarial.duel import critic_loss, generator_loss
from modalities.adversarial.penalties import gradient_penalty


def test_of_linear_and_square_functions():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 2, 3, dtype=torch.float64, generator=generator).requires_grad_()
    w = torch.randn(2, 3, dtype=torch.float64, generator=generator).requires_grad_()
    linear = gradient_penalty(x, [(x * w).flatten(1).sum(1, keepdim=True)])
    assert torch.allclose(linear, w.square().sum().expand(5))
    (of_w,) = torch.autograd.grad(linear.sum(), w)
    assert torch.allclose(of_w, 5 * 2 * w)  # it can be differentiated again
    square = gradient_penalty(x, [x.square().flatten(1).sum(1, keepdim=True) / 2])
    assert torch.allclose(square, x.square().flatten(1).sum(1))


def test_a_judge_counts_with_the_mean_of_its_positions():
    x = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.allclose(gradient_penalty(x, [x, 2 * x]), torch.full((4,), 6 * (1 / 6 + 2 / 6) ** 2).double())


class Line(nn.Module):
    """D(x) = psi x, the critic of the Dirac-GAN."""

    def __init__(self) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x, label):
        return [self.psi * x]


def dirac(name: str, gamma: float) -> float:
    """The distance from the equilibrium at 0 after 400 alternating steps from (theta, psi) = (1, 1)."""
    critic, theta, loss = Line(), torch.tensor(1.0, dtype=torch.float64), build("modalities.adversarial.losses", name)
    real = torch.zeros(1, 1, dtype=torch.float64)
    for _ in range(400):
        found, _ = critic_loss(critic, loss, real, theta.reshape(1, 1), None, gamma=gamma)
        (of_psi,) = torch.autograd.grad(found.mean(), critic.psi)
        critic.psi.data -= 0.1 * of_psi
        fake = theta.clone().requires_grad_()
        (of_theta,) = torch.autograd.grad(generator_loss(critic, loss, real, fake.reshape(1, 1), None).mean(), fake)
        theta = theta - 0.1 * of_theta
    return float(theta.abs() + critic.psi.detach().abs())


@pytest.mark.parametrize("name", ["non_saturating", "relativistic"])
def test_the_dirac_gan_converges_with_the_penalty_and_circles_without(name):
    """As Mescheder et al. 2018 prove: the data is a point at 0, the generator a point at theta."""
    assert dirac(name, gamma=1.0) < 0.02
    assert dirac(name, gamma=0.0) > 0.5
