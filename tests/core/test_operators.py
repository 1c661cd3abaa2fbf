"""Every operator, by discovery: adjoint and pseudo-inverse against linear algebra, literals that pin what it does."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.composed import compose, conjugate_gradients
from core.discover import build, names
from core.measurement import Measurement, in_range, is_linear, measure, project
from core.operators.band_limit import BandLimit
from core.operators.blur import Blur
from core.operators.clip import Clip
from core.operators.downsample import Downsample
from core.operators.grey import Grey
from core.operators.identity import Identity
from core.operators.magnitude import Magnitude
from core.operators.mask import Keep, Mask, frames, interval
from core.operators.stft_magnitude import STFTMagnitude

BOTH = (-2, -1)
VARIANTS = [
    ("mask", {"box": ((1, None),), "inside": "kept"}),
    ("mask", {"box": ((0, 1), (-3, -1))}),
    ("mask", {"box": ((None, 1), None)}),
    ("downsample", {"axes": BOTH}),
    ("downsample", {"axes": (-2,)}),
    ("blur", {"axes": BOTH, "std": 0.6}),
    ("blur", {"kernel": (0.5, 0.3, 0.2)}),
    ("blur", {"kernel": (0.0, 1.0, -1.0)}),
    ("band_limit", {"cutoff": 0.3}),
    ("band_limit", {"cutoff": 0.0}),
    ("grey", {"weights": (1.0, -2.0, 0.0)}),
    ("magnitude", {"axes": BOTH}),
]
ALL = [(n, {}) for n in names("core.operators")] + VARIANTS
LINEAR = [(n, o) for n, o in ALL if is_linear(build("core.operators", n, o))]
NONLINEAR = [(n, o) for n, o in ALL if (n, o) not in LINEAR]
PROJECTED = [(n, o) for n, o in NONLINEAR if hasattr(build("core.operators", n, o), "project")]
SHAPES = [(3, 8), (3, 4, 6), (3, 2, 4, 10), (3, 2, 6)]


def operator_of(name, options):
    return build("core.operators", name, options)


def fits(operator, event):
    """Operators on two axes need three, with the channels; a window needs its length."""
    axes = getattr(operator, "axes", getattr(operator, "box", (-1,)))
    return len(event) > len(axes) and not (min(getattr(operator, "axes", (-1,))) == -2 and len(event) < 3)


def matrix(f, event):
    """The columns f(e_i) of a linear map on signals of shape `event`, (measured, d)."""
    d = math.prod(event)
    return f(torch.eye(d).reshape(d, *event)).reshape(d, -1).T


def parts(operator, event):
    """A, A^T, A^+ as matrices."""
    measured = operator(torch.zeros(1, *event)).shape[1:]
    return matrix(operator, event), matrix(operator.adjoint, measured), matrix(operator.pinv, measured)


linear = pytest.mark.parametrize(("name", "options"), LINEAR, ids=str)
every = pytest.mark.parametrize(("name", "options"), ALL, ids=str)
events = pytest.mark.parametrize("event", SHAPES, ids=str)


def test_the_promised_names():
    promised = {"identity", "mask", "downsample", "blur", "band_limit", "clip", "grey", "magnitude", "stft_magnitude"}
    assert promised <= set(names("core.operators"))


@linear
@events
def test_adjoint_and_pseudo_inverse_are_those_of_the_matrix(name, options, event):
    """The four conditions of Moore and Penrose, which only one matrix fulfils, and A^T (A A^T + rho I)^-1."""
    operator = operator_of(name, options)
    if not fits(operator, event):
        pytest.skip("needs more axes")
    a, at, plus = parts(operator, event)
    assert torch.allclose(at, a.T, atol=1e-13)
    size = max(1.0, plus.abs().max().item())
    assert torch.allclose(a @ plus @ a, a, atol=1e-12 * size)
    assert torch.allclose(plus @ a @ plus, plus, atol=1e-12 * size**2)
    assert torch.allclose((a @ plus).T, a @ plus, atol=1e-12 * size)
    assert torch.allclose((plus @ a).T, plus @ a, atol=1e-12 * size)
    y = torch.linspace(-1, 1, 2 * len(a)).reshape(2, *operator(torch.zeros(1, *event)).shape[1:])
    rho = torch.tensor([0.3, 2.0])
    for i in range(2):
        dense = a.T @ torch.linalg.solve(a @ a.T + rho[i] * torch.eye(len(a)), y[i].flatten())
        assert torch.allclose(operator.pinv(y, rho)[i].flatten(), dense, atol=1e-12)
        assert torch.allclose(operator.pinv(y, rho[i])[i].flatten(), dense, atol=1e-12)
        assert torch.allclose(operator.pinv(y, rho[i].item())[i].flatten(), dense, atol=1e-12)


@linear
@settings(max_examples=15, deadline=None)
@given(
    rest=st.lists(st.integers(1, 4), max_size=2),
    last=st.integers(2, 8),
    batch=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
def test_inner_products_agree(name, options, rest, last, batch, seed):
    """<A x, y> = <x, A^T y> on any shape, and autograd finds the same A^T."""
    operator, event = operator_of(name, options), (3, *(2 * n for n in rest), 2 * last)
    if not fits(operator, event):
        return
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, *event, generator=generator).requires_grad_()
    ax = operator(x)
    y = torch.randn(ax.shape, generator=generator)
    back = operator.adjoint(y)
    assert back.shape == x.shape
    scale = (ax.norm() * y.norm() + 1).item()
    assert ((ax * y).sum() - (x * back).sum()).abs().item() < 1e-12 * scale
    assert torch.allclose(torch.autograd.grad(ax, x, y)[0], back, atol=1e-12 * scale)


@linear
def test_gram_is_the_one_eigenvalue(name, options):
    """What `ddnm_plus` and composition rely on: the eigenvalues of A A^T are `gram` and 0."""
    operator, event = operator_of(name, options), (3, 4, 6)
    if not hasattr(operator, "gram"):
        assert name == "blur"
        return
    values = torch.linalg.eigvalsh(matrix(operator, event) @ matrix(operator, event).T)
    assert torch.allclose(values[values > 1e-9], torch.tensor(float(operator.gram)), rtol=1e-12)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dtype_stays_and_examples_are_independent(name, options, dtype, generator):
    operator, x0 = operator_of(name, options), torch.randn(3, 3, 4, 16, generator=generator)
    y = operator(x0)
    low = operator(x0.to(dtype))
    assert low.dtype == dtype
    assert (low - y).abs().max() < 8 * torch.finfo(dtype).eps * max(1.0, y.abs().max().item())
    for i in range(3):
        assert torch.allclose(operator(x0[i : i + 1])[0], y[i], atol=1e-14)
    if is_linear(operator):
        assert operator.adjoint(low).dtype == operator.pinv(low, 0.5).dtype == dtype
    assert not torch.equal(operator(x0 + 1), y) or name in ("clip",)


@pytest.mark.parametrize(("name", "options"), PROJECTED, ids=str)
def test_projections_fit_the_measurement_and_are_nearest(name, options, generator):
    """A(p) = y, projecting again moves nothing, and the true signal, which fits as well, is no nearer to x0."""
    operator = operator_of(name, options)
    x0, true = torch.randn(2, 50, 2, 4, 6, generator=generator)
    y = operator(true)
    p = operator.project(x0, y)
    assert torch.allclose(operator(p), y, atol=1e-12)
    assert torch.allclose(operator.project(p, y), p, atol=1e-12)
    far = (true - x0).flatten(1).norm(dim=1)
    assert ((p - x0).flatten(1).norm(dim=1) <= far + 1e-12).all()
    assert torch.allclose(project(operator, true, y), true, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), NONLINEAR, ids=str)
def test_nonlinear_operators_have_the_gradient_of_a_difference(name, options, generator):
    operator, x0 = operator_of(name, options), torch.randn(2, 2, 4, 16, generator=generator)
    along = torch.randn(x0.shape, generator=generator)
    _, slope = torch.func.jvp(operator, (x0,), (along,))
    assert torch.allclose((operator(x0 + 1e-6 * along) - operator(x0 - 1e-6 * along)) / 2e-6, slope, atol=1e-6)


def test_mask_by_literals():
    x0 = torch.arange(1.0, 7.0).reshape(1, 2, 3)
    assert Mask(((0, 1),))(x0).tolist() == [[[0, 2, 3], [0, 5, 6]]]
    assert Mask(((1, 2), (-2, None)))(x0).tolist() == [[[1, 2, 3], [4, 0, 0]]]
    assert Mask(((1, 2), (-2, None)), inside="kept")(x0).tolist() == [[[0, 0, 0], [0, 5, 6]]]
    assert interval(1, None)(x0).tolist() == [[[1, 0, 0], [4, 0, 0]]]
    clip = torch.ones(1, 3, 4, 2, 2)
    assert frames(1, 3)(clip)[0, 0, :, 0, 0].tolist() == [1, 0, 0, 1]
    assert frames(1, 3)(clip).sum() == clip.sum() / 2
    keep = Keep(torch.tensor([True, False, True]))
    assert keep(x0).tolist() == [[[1, 0, 3], [4, 0, 6]]]
    assert torch.equal(keep.project(x0, -x0), torch.tensor([[[-1.0, 2, -3], [-4, 5, -6]]]))


def test_the_hidden_part_is_not_looked_at():
    y = torch.tensor([[1.0, math.nan, math.inf]])
    measurement = Measurement(interval(1, None), y)
    assert measurement.y.tolist() == [[1, 0, 0]]
    assert measurement.residual(torch.full((4, 3), 2.0)).tolist() == [[-1, 0, 0]] * 4


def test_pooling_grey_and_clip_by_literals():
    x0 = torch.tensor([[[1.0, 3.0, 5.0, 9.0], [0.0, 2.0, 4.0, 4.0]]])
    assert Downsample(2)(x0).tolist() == [[[2, 7], [1, 4]]]
    assert Downsample(2, BOTH)(x0).tolist() == [[[1.5, 5.5]]]
    assert Downsample(2).pinv(torch.tensor([[2.0, 7.0]])).tolist() == [[2, 2, 7, 7]]
    assert Downsample(2).adjoint(torch.tensor([[2.0, 7.0]])).tolist() == [[1, 1, 3.5, 3.5]]
    assert Grey((0.5, 0.5))(x0).tolist() == [[[0.5, 2.5, 4.5, 6.5]]]
    assert torch.allclose(Grey()(torch.ones(1, 3, 2)), torch.ones(1, 1, 2))
    assert Clip(2.0)(x0).tolist() == [[[1, 2, 2, 2], [0, 2, 2, 2]]]
    y = torch.tensor([2.0, -2.0, 1.0, 2.0])
    assert Clip(2.0).project(torch.tensor([3.0, -1.0, 5.0, 0.0]), y).tolist() == [3, -2, 1, 2]


def test_blur_is_convolution_with_a_periodic_kernel(generator):
    x0 = torch.randn(1, 2, 9, generator=generator)
    want = 0.5 * x0.roll(-1, -1) + 0.3 * x0 + 0.2 * x0.roll(1, -1)  # the first entry is the one before the middle
    assert torch.allclose(Blur(kernel=(0.5, 0.3, 0.2))(x0), want)
    impulse = torch.zeros(1, 64)
    impulse[0, 32] = 1
    offset = torch.arange(64.0) - 32
    density = torch.exp(-(offset**2) / (2 * 2.5**2)) / (2.5 * math.sqrt(2 * math.pi))
    assert torch.allclose(Blur(2.5, floor=0.0)(impulse)[0], density, atol=1e-12)
    assert torch.allclose(Blur(2.0, BOTH)(torch.full((1, 4, 6), 0.7)), torch.full((1, 4, 6), 0.7))


def test_blur_loses_what_is_below_its_floor():
    wave = torch.cos(torch.pi * torch.arange(16.0))[None]  # half a cycle per element: gain exp(-pi^2 std^2 / 2)
    assert torch.allclose(Blur(1.0)(wave), math.exp(-(math.pi**2) / 2) * wave)
    assert Blur(1.2)(wave).abs().max() < 1e-15
    assert Blur(1.2).pinv(wave).abs().max() < 1e-12


def test_band_limit_keeps_low_frequencies_only():
    n = torch.arange(32.0)
    low, high = torch.cos(2 * torch.pi * 8 / 32 * n)[None], torch.sin(2 * torch.pi * 9 / 32 * n)[None]
    assert torch.allclose(BandLimit(0.5)(low + high + 3), low + 3)


def test_magnitudes_by_parseval_and_against_torch_stft(generator):
    x0 = torch.randn(2, 4, 6, generator=generator)
    twice = torch.tensor([1.0, 2.0, 2.0, 1.0])  # the other half of the spectrum
    assert torch.allclose((twice * Magnitude(BOTH)(x0) ** 2).sum((1, 2)), (x0**2).sum((1, 2)))
    assert torch.allclose(Magnitude()(x0), Magnitude()(x0.roll(2, -1)))
    wave = torch.randn(3, 32, generator=generator)
    around = torch.cat([wave, wave[:, :12]], -1)
    window = torch.hann_window(16)
    peer = torch.stft(around, 16, 4, window=window, center=False, return_complex=True).abs().mT
    assert torch.allclose(STFTMagnitude(16, 4)(wave), peer)


ROWS = [
    compose(Downsample(), Blur(0.7)),
    compose(Blur(0.7), Downsample()),
    compose(Mask(((2, 4),)), Blur(0.5)),
    compose(Grey(), Mask(((2, 4),)), BandLimit(0.6)),
    compose(Mask(((1, 2),)), Grey(), Downsample(2, BOTH)),
    compose(Downsample(2), Mask(((3, 4),))),
]


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_rows_of_linear_operators_are_linear(row, generator):
    """Exactly where the first that acts has orthogonal rows, by conjugate gradients to 1e-9 elsewhere."""
    event = (3, 4, 6)
    a, at, plus = parts(row, event)
    assert torch.allclose(at, a.T, atol=1e-13)
    assert torch.allclose(plus, torch.linalg.pinv(a, rtol=1e-9), atol=1e-9)
    y = torch.randn(2, *row(torch.zeros(1, *event)).shape[1:], generator=generator)
    dense = torch.linalg.solve(a @ a.T + 0.1 * torch.eye(len(a)), y.flatten(1).T)
    assert torch.allclose(row.pinv(y, torch.tensor(0.1)).flatten(1).T, a.T @ dense, atol=1e-10)
    assert torch.allclose(row.pinv(y, torch.full((2,), 0.1)).flatten(1).T, a.T @ dense, atol=1e-10)
    assert row.pinv(y.bfloat16(), 0.1).dtype == torch.bfloat16


def test_rows_with_a_nonlinear_operator_only_go_forward(generator):
    row, x0 = compose(Clip(0.4), Downsample(2)), torch.randn(1, 6, generator=generator)
    assert torch.equal(row(x0), Downsample(2)(x0).clamp(-0.4, 0.4))
    assert not is_linear(row)
    assert compose(Clip(0.4)) == Clip(0.4)
    with pytest.raises(ValueError, match="Composed has neither pinv nor project: no signal is known to fit"):
        project(row, x0, row(x0))


def test_conjugate_gradients_solve_each_example_and_stand_still(generator):
    """Two systems of unlike size and a zero right-hand side; more iterations than rows do no harm."""
    root = torch.randn(3, 5, 5, generator=generator)
    spd = root @ root.mT + torch.eye(5)
    b = torch.randn(3, 5, generator=generator) * torch.tensor([1.0, 1e6, 0.0])[:, None]
    solved = conjugate_gradients(lambda v: torch.einsum("bij,bj->bi", spd, v), b, 60)
    assert torch.allclose(solved, torch.linalg.solve(spd, b[..., None])[..., 0], rtol=1e-9)
    assert not solved[2].any()


def test_measuring_adds_noise_of_the_stated_size(generator):
    x0 = torch.randn(2000, 1, 8, generator=generator)
    noise = lambda x: torch.randn(x.shape, generator=generator)  # noqa: E731
    measurement = measure(Downsample(2), x0, noise_std=0.3, randn_like=noise)
    assert measurement.residual(x0).std().item() == pytest.approx(0.3, rel=5 / math.sqrt(2 * 8000))

    def never(x):
        raise AssertionError

    assert torch.equal(measure(Downsample(2), x0, randn_like=never).y, Downsample(2)(x0))
    masked = measure(Mask(), x0, noise_std=0.3, randn_like=noise)
    assert not masked.y[..., 0].any()
    assert torch.equal(in_range(Clip(), x0), x0)
    row = compose(Mask(), Blur())
    assert not in_range(row, torch.ones(1, 8))[0, 0].any()


@pytest.mark.parametrize(("name", "options"), LINEAR, ids=str)
def test_pull_is_the_gain_of_kalman(name, options, generator):
    """Against the posterior of x0 ~ N(m, r^2 I) by dense algebra; it ends at the projection where r is infinite."""
    operator, event = operator_of(name, options), (3, 4, 6)
    a, m = matrix(operator, event), torch.randn(2, *event, generator=generator)
    r2, noise_std = torch.tensor(0.7), 0.4
    measurement = measure(operator, torch.randn(1, *event, generator=generator), noise_std=noise_std)
    gain = r2 * a.T @ torch.linalg.inv(r2 * a @ a.T + noise_std**2 * torch.eye(len(a)))
    want = (measurement.y.flatten(1) - m.flatten(1) @ a.T) @ gain.T
    assert torch.allclose(measurement.pull(m, r2).flatten(1), want, atol=1e-12)
    fitted = project(operator, m, measurement.y)
    assert torch.allclose(m + measurement.pull(m, torch.tensor(math.inf)), fitted, atol=1e-9)


def test_pull_towards_a_projection_is_shortened_by_the_noise():
    measurement = Measurement(Clip(1.0), torch.tensor([[1.0, 0.2]]), noise_std=2.0)
    pull = measurement.pull(torch.tensor([[0.0, 0.0]]), torch.tensor(4.0))
    assert torch.allclose(pull, torch.tensor([[0.5, 0.1]]))


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Mask(inside="out"), "operator mask: inside must be hidden or kept, got 'out'"),
        (lambda: Mask(()), "operator mask: box needs a range for at least one axis, got none"),
        (lambda: Mask(((0, 1), None))(torch.ones(2, 3)), r"operator mask: needs 2 axes after the batch, got shape \(2"),
        (lambda: Keep(torch.ones(3)), "operator mask: keep must be a tensor of bool, got torch.float64"),
        (lambda: Downsample(0), "operator downsample: factor must be at least 1, got 0"),
        (
            lambda: Downsample(2, (1,)),
            r"operator downsample: axes must be distinct and counted from the end, .* \(1,\)",
        ),
        (lambda: Downsample(3)(torch.ones(1, 8)), r"factor 3 does not divide axis -1 of shape \(1, 8\)"),
        (lambda: Blur(0.0), "operator blur: needs std > 0 and floor >= 0, got 0.0 and 0.001"),
        (lambda: Blur(kernel=(1.0, 1.0)), "operator blur: the kernel needs a middle, got 2 entries"),
        (lambda: Blur(axes=(-1, -1)), "operator blur: axes must be distinct"),
        (lambda: BandLimit(1.1), r"operator band_limit: cutoff must lie in \[0, 1\], got 1.1"),
        (lambda: Clip(0.0), "operator clip: limit must be positive, got 0.0"),
        (lambda: Grey((0.0,)), "operator grey: needs a weight that is not 0, got"),
        (lambda: Grey()(torch.ones(1, 2, 4)), r"operator grey: 3 weights for channels of shape \(1, 2, 4\)"),
        (lambda: STFTMagnitude(4, 8), "operator stft_magnitude: needs 1 <= hop <= size, got 8 and 4"),
        (lambda: STFTMagnitude()(torch.ones(1, 18)), "needs a multiple of hop 4, no less than 16, got length 18"),
        (lambda: compose(), "compose needs at least one operator, got none"),
        (lambda: Measurement(Identity(), torch.ones(1), -1.0), "measurement: noise_std must not be negative, got -1.0"),
    ],
)
def test_mistakes_get_one_line(make, line):
    with pytest.raises(ValueError, match=line) as caught:
        make()
    assert "\n" not in str(caught.value)
