"""How far one set of examples is from another, on features (n, D) of any network.

moments             count, mean and covariance of a stream, in memory that does not grow with it
frechet             distance of the two Gaussians of these moments
kernel              unbiased squared maximum mean discrepancy of a polynomial kernel, with its standard error
neighbours          precision, recall, density and coverage, by nearest neighbours; nearest examples of a stream
class_score         exp of the mutual information between an example and its class
line                distance of two distributions of numbers
bootstrap           interval of a statistic over other samples of the same size

Features go in as rows in any floating dtype; everything is computed in float64.
"""

from core.distances.bootstrap import bootstrap, mean_interval
from core.distances.class_score import class_score
from core.distances.frechet import Gaussian, frechet_distance
from core.distances.kernel import kernel_distance, kernel_subsets
from core.distances.line import line_distance
from core.distances.moments import Moments
from core.distances.neighbours import Nearest, fidelity_and_diversity

__all__ = [
    "Gaussian",
    "Moments",
    "Nearest",
    "bootstrap",
    "class_score",
    "fidelity_and_diversity",
    "frechet_distance",
    "kernel_distance",
    "kernel_subsets",
    "line_distance",
    "mean_interval",
]
