"""How far is each solver of `core.posterior` from the exact posterior? The table of docs/inverse_problems.md.

    OMP_NUM_THREADS=1 python benchmarks/inverse_problems.py [--steps 60] [--samples 300] [--measurements 6]

Data in eight dimensions, each with its exact denoiser: white noise N(0.2, 0.25 I), a Gaussian of neighbours that
resemble each other, and a mixture of two such. Operators: half of the signal hidden, pairs averaged, a Gaussian blur.
Every number is the energy distance (Szekely & Rizzo 2013) between samples and exact samples of p(x0 | y), in
thousandths of the posterior's standard deviation, averaged over measurements; the first row is what two exact draws of
that size give. In float64, steps of `ddpm`, the same noise for all; `dps` at the best of three scales, which the exact
answer chose for it.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from core.analytic import Mixture  # noqa: E402
from core.discover import build, names  # noqa: E402
from core.grids.karras import karras  # noqa: E402
from core.measurement import Linear, Measurement, measure  # noqa: E402
from core.operators.blur import Blur  # noqa: E402
from core.operators.downsample import Downsample  # noqa: E402
from core.operators.mask import Mask  # noqa: E402
from core.samplers.ddpm import ddpm  # noqa: E402
from core.sampling import last, prior  # noqa: E402
from core.schedules.cosine import Cosine  # noqa: E402

D = 8
SCHEDULE = Cosine()
MASK, POOL, BLUR = Mask(((0, D // 2),)), Downsample(2), Blur(0.6)
PROBLEMS: tuple[tuple[str, str, Linear, float], ...] = (
    ("white", "pool, 0.2", POOL, 0.2),
    ("Gaussian", "mask", MASK, 0.0),
    ("Gaussian", "mask, 0.2", MASK, 0.2),
    ("Gaussian", "pool, 0.2", POOL, 0.2),
    ("Gaussian", "blur, 0.2", BLUR, 0.2),
    ("mixture", "mask", MASK, 0.0),
    ("mixture", "mask, 0.2", MASK, 0.2),
    ("mixture", "pool, 0.2", POOL, 0.2),
)
"""Data, what the column is called, operator, noise_std."""

OPTIONS: dict[str, list[dict[str, float]]] = {
    "dps": [{"scale": s} for s in (0.3, 1.0, 3.0)],
    "moment_matching": [{"iterations": D}],
}


def data() -> dict[str, Mixture]:
    i = torch.arange(D)
    near = 0.25 * torch.exp(-(i[:, None] - i).abs() / 3.0)
    one, mean = torch.ones(1), torch.full((1, D), 0.2)
    modes = torch.stack([torch.full((D,), -0.6), torch.full((D,), 0.5)])
    return {
        "white": Mixture(one, mean, 0.25 * torch.eye(D)[None]),
        "Gaussian": Mixture(one, mean, near[None]),
        "mixture": Mixture(torch.tensor([0.4, 0.6]), modes, near * torch.tensor([0.8, 1.2])[:, None, None]),
    }


def posterior(of: Mixture, operator: Linear, y: Tensor, noise_std: float) -> Mixture:
    """The exact one, y (measured,); rows of A that are 0 say nothing and would be singular without noise."""
    a = operator(torch.eye(D)).T
    seen = a.abs().sum(1) > 0
    return of.posterior(a[seen], y[seen], noise_std)


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """2 E|a - b| - E|a - a'| - E|b - b'| of (n, d) and (n, d), unbiased: no sample is paired with itself."""
    n = len(a)
    within = torch.cdist(a, a).sum() + torch.cdist(b, b).sum()
    return 2 * torch.cdist(a, b).mean() - within / (n * (n - 1))


def seeded(seed: int) -> Callable[[Tensor], Tensor]:
    g = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=g)


def distance(name: str | None, of: Mixture, operator: Linear, noise_std: float, args: argparse.Namespace) -> float:
    """Mean energy distance of a solver over the measurements, all in one batch; None stands for exact draws."""
    g, m, n = torch.Generator().manual_seed(0), args.measurements, args.samples
    measured = measure(operator, of.sample(m, g), noise_std=noise_std, randn_like=seeded(1))
    exact = [posterior(of, operator, y, noise_std) for y in measured.y]
    want, units = [p.sample(n, g) for p in exact], [p.moments()[1].trace().sqrt() for p in exact]
    if name is None:
        draws = [torch.cat([p.sample(n, g) for p in exact])]
    else:
        measurement = Measurement(operator, measured.y.repeat_interleave(n, 0), noise_std)
        known = {"sigma_data": 0.5} if name in ("pigdm", "moment_matching") else {}
        draws = []
        for options in OPTIONS.get(name, [{}]):
            sampler = build("core.posterior", name, {**options, **known})(ddpm, measurement)
            times, x = karras(SCHEDULE, args.steps, sigma_max=40.0), prior(SCHEDULE, seeded(2)(torch.empty(m * n, D)))
            draws.append(last(sampler(of.denoise(SCHEDULE), SCHEDULE, x, times, randn_like=seeded(3))))
    pairs = [list(zip(x.split(n), want, units, strict=True)) for x in draws]
    return min(sum((energy_distance(a, b) / unit).item() for a, b, unit in each) / m for each in pairs)


def table(args: argparse.Namespace) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "| solver | " + " | ".join(f"{d}: {p}" for d, p, _, _ in PROBLEMS) + " |"
    yield "| --- |" + " ---: |" * len(PROBLEMS)
    for name in (None, *names("core.posterior")):
        cells = []
        for d, _, operator, noise_std in PROBLEMS:
            try:
                cells.append(f"{1000 * distance(name, data()[d], operator, noise_std, args):.0f}")
            except ValueError:  # the solver does not take this operator
                cells.append("–")
        yield f"| {f'`{name}`' if name else 'exact draws'} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--measurements", type=int, default=6)
    args = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    for line in table(args):
        print(line, flush=True)


if __name__ == "__main__":
    main()
