"""How probable data are under a denoiser, in nats or bits per dimension.

discrete_bound     variational bound of the chain that `ddpm` samples        -log p <= nats, in T network calls
continuous_bound   its limit of infinitely many steps, by Monte Carlo        -log p <= nats
flow_log_density   exact density of what the probability flow samples        log p = nats, up to the trace
"""

from core.likelihood.bits import bits_per_dim, dequantise
from core.likelihood.bound import Bound
from core.likelihood.continuous import continuous_bound
from core.likelihood.decoders import gaussian, rounded_gaussian
from core.likelihood.discrete import discrete_bound
from core.likelihood.flow import flow_log_density
from core.likelihood.traces import ExactTrace, Hutchinson

__all__ = [
    "Bound",
    "ExactTrace",
    "Hutchinson",
    "bits_per_dim",
    "continuous_bound",
    "dequantise",
    "discrete_bound",
    "flow_log_density",
    "gaussian",
    "rounded_gaussian",
]
