"""One file per loss weighting: `weighting(log_snr) -> weight of the squared x0 error`, elementwise.

The mean squared error of another target is the x0 error times a function of log-SNR alone, so each named objective is
a weighting here, whatever the network predicts (Kingma & Gao 2023, table 1).
"""
