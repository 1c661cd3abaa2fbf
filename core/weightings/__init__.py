"""One file per loss weighting: `weighting(log_snr) -> weight of the squared x0 error`, elementwise.

The mean squared error of another target is the x0 error times a function of log-SNR alone, so each named objective is
a weighting here, whatever the network predicts (Kingma & Gao 2023, table 1).

Two kinds, told apart by the attribute `per_nat`. Most weigh a draw, whatever density the times are drawn from, and the
density then weighs too. Those with `per_nat = True` weigh a nat of log-SNR, as Kingma & Gao (2023, sec. 3) do: their
loss is the integral of w(lambda) |x0 - x0_hat|^2 over lambda, which `core.training.objective` estimates by dividing by
the density of lambda. The density then decides over nothing but the variance.

A weighting that is trained is an `nn.Module`; what it adds to the loss is its method `penalty(log_snr)`.
"""
