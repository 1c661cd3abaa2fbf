"""Step for step against the schedulers of diffusers, at the same noise levels and with the same exact denoiser.

Their schedulers round to float32 on purpose; here their modules see float64 under that name, so that what is compared
is the arithmetic. Where they differ, the test says by what, and who is right. The levels fall to 0.02 and then to 0.
"""

import importlib
import math
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from core.discover import build
from core.samplers.deis import deis
from core.sampling import along, last
from core.schedule import norm
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified

STEPS = 12
PEERS = {
    "DDPM": "ddpm",
    "DDIM": "ddim",
    "PNDM": "pndm",
    "LMSDiscrete": "lms_discrete",
    "HeunDiscrete": "heun_discrete",
    "EulerDiscrete": "euler_discrete",
    "KDPM2Discrete": "k_dpm_2_discrete",
    "DPMSolverMultistep": "dpmsolver_multistep",
    "DPMSolverSinglestep": "dpmsolver_singlestep",
    "UniPCMultistep": "unipc_multistep",
    "DEISMultistep": "deis_multistep",
    "EDMEuler": "edm_euler",
    "EDMDPMSolverMultistep": "edm_dpmsolver_multistep",
    "FlowMatchEulerDiscrete": "flow_match_euler_discrete",
    "FlowMatchHeunDiscrete": "flow_match_heun_discrete",
}


class Double:
    """torch, in which float32 is float64."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


@pytest.fixture(scope="module")
def peers():
    """`peers.DDIM(**options)` and so on; `peers.randn` is what the stochastic ones draw."""
    with pytest.MonkeyPatch.context() as patch:
        found = SimpleNamespace(draws=[])
        for name, file in PEERS.items():
            module = importlib.import_module(f"diffusers.schedulers.scheduling_{file}")
            patch.setattr(module, "torch", Double())
            if hasattr(module, "randn_tensor"):
                patch.setattr(module, "randn_tensor", lambda *args, **kwargs: found.draws.pop(0))
            setattr(found, name, getattr(module, f"{name}Scheduler"))
        yield found


@dataclass(frozen=True)
class VarianceKeeping:
    """alpha^2 + sigma^2 = 1 with the level as time: the variables of their DPM-Solver, UniPC and DEIS."""

    t_max: float = 80.0

    def alpha(self, t: Tensor) -> Tensor:
        return 1 / torch.sqrt(1 + t**2)

    def sigma(self, t: Tensor) -> Tensor:
        return t / torch.sqrt(1 + t**2)

    def time(self, log_snr: Tensor) -> Tensor:
        return torch.exp(-log_snr / 2)


@dataclass(frozen=True)
class LogLevel:
    """alpha = 1 and sigma = e^t."""

    t_max: float = math.log(80.0)

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return t.exp()

    def time(self, log_snr: Tensor) -> Tensor:
        return -log_snr / 2


@dataclass(frozen=True, eq=False)
class Table:
    """A table of alpha^2, where t = 0 is clean and t = k + 1 is their timestep k."""

    cumulative: Tensor
    t_max: float = 1000.0

    def _squared(self, t: Tensor) -> Tensor:
        return torch.cat([torch.ones(1), self.cumulative])[t.round().long()]

    def alpha(self, t: Tensor) -> Tensor:
        return self._squared(t).sqrt()

    def sigma(self, t: Tensor) -> Tensor:
        return (1 - self._squared(t)).sqrt()

    def time(self, log_snr: Tensor) -> Tensor:
        raise NotImplementedError


def levels(steps=STEPS, top=20.0, bottom=0.02):
    """Falling unevenly, with 0 after the last."""
    roots = torch.linspace(top ** (1 / 5), bottom ** (1 / 5), steps)
    return torch.cat([roots**5, torch.zeros(1)])


def start(schedule, t):
    return torch.linspace(-1.5, 2, 8)[:, None] * norm(schedule, t, torch.ones(1))


def run(scheduler, sigmas, model, x, **options):
    """Their states, on levels of ours. `model(x, level)` is what they take for the network."""
    scheduler.set_timesteps(len(sigmas) - 1)
    if hasattr(scheduler, "sigmas_interpol"):
        middle = torch.exp((sigmas[:-1].log() + sigmas[1:].log()) / 2)
        seen = torch.stack([sigmas[:-1], middle], 1).flatten()
        scheduler.sigmas_interpol = torch.cat([middle[:1], middle.repeat_interleave(2)])
    elif type(scheduler).__name__.startswith(("Heun", "FlowMatchHeun")):
        seen = torch.cat([sigmas[:1], sigmas[1:-1].repeat_interleave(2)])
    else:
        seen = sigmas[:-1]
    doubled = len(seen) > len(sigmas) - 1
    scheduler.sigmas = torch.cat([sigmas[:1], sigmas[1:-1].repeat_interleave(2), sigmas[-1:]]) if doubled else sigmas
    scheduler.timesteps = torch.arange(len(seen), 0, -1).double()
    scheduler._step_index, scheduler._begin_index, scheduler.is_scale_input_called = None, 0, True
    states = []
    for t, level in zip(scheduler.timesteps, seen, strict=True):
        x = scheduler.step(model(x, level), t, x, return_dict=False, **options)[0]
        states.append(x)
    return torch.stack(states[1::2] + states[-1:] * (len(seen) % 2) if doubled else states)


def ours(sampler, data, schedule, x, times, **options):
    return torch.stack([y for _, y in sampler(data.denoise(schedule), schedule, x, times, **options)])


def assert_same(got, want):
    assert got.shape == want.shape
    assert torch.allclose(got, want, rtol=1e-6, atol=1e-6 * want[-1].abs().mean().item())


def eps_model(data, schedule):
    denoise = data.denoise(schedule)
    return lambda x, t: (x - schedule.alpha(t) * denoise(x, t)) / schedule.sigma(t)


# ---- levels in EDM's units ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "name", "options", "same"),
    [
        ("EulerDiscrete", "euler", {}, STEPS),
        ("HeunDiscrete", "heun", {}, STEPS),
        ("LMSDiscrete", "lms", {}, STEPS - 1),
        ("KDPM2Discrete", "dpm_2", {}, STEPS - 1),
    ],
)
def test_schedulers_of_karras(peer, name, options, same, peers, two_modes):
    """LMS extrapolates onto sigma = 0 with earlier eps, DPM-2 calls the network at sigma = 0: there ours is x0_hat."""
    sigmas = levels()
    x = start(EDM(), sigmas[0])
    model = eps_model(two_modes, EDM())
    theirs = run(getattr(peers, peer)(), sigmas if same == STEPS else sigmas[:-1], model, x)
    got = ours(build("core.samplers", name, options), two_modes, EDM(), x, sigmas)
    assert_same(got[:same], theirs[:same])
    if same < STEPS:
        assert torch.allclose(got[-1], two_modes.denoise(EDM())(got[-2], sigmas[-2]), rtol=1e-12)


def test_lms_order_is_an_option_of_their_step(peers, two_modes):
    sigmas = levels()
    x = start(EDM(), sigmas[0])
    theirs = run(peers.LMSDiscrete(), sigmas, eps_model(two_modes, EDM()), x, order=2)
    assert_same(ours(build("core.samplers", "lms", {"order": 2}), two_modes, EDM(), x, sigmas)[:-1], theirs[:-1])
    x0 = two_modes.denoise(EDM())(theirs[-2], sigmas[-2])
    assert (theirs[-1] - x0).abs().max() > 1e-5  # their last step is not x0_hat


@pytest.mark.parametrize(
    ("peer", "theirs", "name", "options"),
    [
        ("EDMEuler", {}, "euler", {}),
        ("EDMDPMSolverMultistep", {"solver_order": 2}, "dpmpp_2m", {}),
        (
            "EDMDPMSolverMultistep",
            {"solver_order": 3, "solver_type": "heun", "lower_order_final": False},
            "dpmpp_3m",
            {"curvature": 0.5},
        ),
    ],
)
def test_schedulers_of_edm(peer, theirs, name, options, peers, two_modes):
    """They take the raw output F of the preconditioned network, x0_hat = c_skip x + c_out F at sigma_data = 0.5."""
    sigmas, denoise = levels(), two_modes.denoise(EDM())
    x = start(EDM(), sigmas[0])

    def raw(x, level):
        c_skip, c_out = 0.25 / (level**2 + 0.25), level * 0.5 / torch.sqrt(level**2 + 0.25)
        return (denoise(x, level) - c_skip * x) / c_out

    states = run(getattr(peers, peer)(sigma_data=0.5, **theirs), sigmas, raw, x)
    assert_same(ours(build("core.samplers", name, options), two_modes, EDM(), x, sigmas), states)


@pytest.mark.parametrize(("peer", "name"), [("FlowMatchEulerDiscrete", "euler"), ("FlowMatchHeunDiscrete", "heun")])
def test_flow_matching_schedulers(peer, name, peers, two_modes):
    """From pure noise; they take the velocity eps - x0 = (x - x0) / t."""
    times, denoise = levels(top=1.0), two_modes.denoise(Rectified())
    x = start(Rectified(), times[0])
    theirs = run(getattr(peers, peer)(), times, lambda x, t: (x - denoise(x, t)) / t, x)
    assert_same(ours(build("core.samplers", name), two_modes, Rectified(), x, times), theirs)


# ---- levels of a variance-preserving path ---------------------------------------------------------------------------

KEEPING = VarianceKeeping()


def keep(peer, data, sigmas):
    x = start(KEEPING, sigmas[0])
    return x, run(peer, sigmas, data.denoise(KEEPING), x)


@pytest.mark.parametrize(
    ("name", "options", "theirs"),
    [
        ("ddim", {}, {"solver_order": 1}),
        ("dpmpp_2m", {}, {"solver_order": 2, "solver_type": "midpoint"}),
    ],
)
def test_dpm_solver_multistep(name, options, theirs, peers, two_modes):
    peer = peers.DPMSolverMultistep(prediction_type="sample", final_sigmas_type="zero", **theirs)
    x, states = keep(peer, two_modes, levels())
    assert_same(ours(build("core.samplers", name, options), two_modes, KEEPING, x, levels()), states)


def third_order(peers, **options):
    options = {"final_sigmas_type": "zero", "lower_order_final": False} | options
    return peers.DPMSolverMultistep(prediction_type="sample", solver_order=3, solver_type="heun", **options)


def test_third_order_multistep_misses_half_of_its_last_term(peers, two_modes):
    """They are ours at curvature 1/2, step for step; the exact integral parts from them at the third step."""
    x, states = keep(third_order(peers), two_modes, levels())
    half = build("core.samplers", "dpmpp_3m", {"curvature": 0.5})
    assert_same(ours(half, two_modes, KEEPING, x, levels()), states)
    exact = ours(build("core.samplers", "dpmpp_3m"), two_modes, KEEPING, x, levels())
    assert_same(exact[:2], states[:2])
    assert (exact[2] - states[2]).abs().max() > 1e-5


def test_third_order_multistep_of_theirs_is_of_second_order(peers, two_modes):
    """Against the exact flow, started with steps so short that their low order does not show: where ours is of third
    order (3.0, 3.0) and 30 times as near."""
    errors = {"theirs": [], "ours": []}
    for n in (96, 192, 384):
        lam = torch.linspace(-math.log(8.0), -math.log(0.2), n + 1)
        doubled = lam[0] + (lam[1] - lam[0]) * 2.0 ** -torch.arange(7, 0, -1)
        sigmas = torch.exp(-torch.cat([lam[:1], doubled, lam[1:]]))
        x = start(KEEPING, sigmas[0])
        exact = two_modes.flow(KEEPING, x, sigmas[0], sigmas[-1])
        theirs = run(third_order(peers, final_sigmas_type="sigma_min"), sigmas, two_modes.denoise(KEEPING), x)[-1]
        here = ours(build("core.samplers", "dpmpp_3m"), two_modes, KEEPING, x, sigmas)[-1]
        for name, final in (("theirs", theirs), ("ours", here)):
            errors[name].append((final - exact).abs().mean().item())
    slopes = {name: [math.log2(a / b) for a, b in pairwise(e)] for name, e in errors.items()}
    assert slopes["theirs"] == pytest.approx([2, 2], abs=0.15)
    assert slopes["ours"] == pytest.approx([3, 3], abs=0.15)
    assert errors["theirs"][-1] > 10 * errors["ours"][-1]


def test_a_short_run_of_theirs_ends_with_a_step_of_second_order(peers, two_modes):
    """lower_order_final, their default below 15 steps, also lowers the step before the last; ours keeps its order."""
    x, states = keep(third_order(peers, lower_order_final=True), two_modes, levels())
    got = ours(build("core.samplers", "dpmpp_3m", {"curvature": 0.5}), two_modes, KEEPING, x, levels())
    assert_same(got[:-2], states[:-2])
    assert (got[-2] - states[-2]).abs().max() > 1e-6


def interleaved(outer, shares):
    """Levels with the stages of a single-step method between `outer`, at shares of each step in log-level."""
    log = outer[:-1].log()
    parts = [log[:-1] + share * log.diff() for share in (0.0, *shares)]
    return torch.cat([torch.stack(parts, 1).flatten().exp(), outer[-2:]])


def test_dpm_solver_singlestep_2s(peers, two_modes):
    peer = peers.DPMSolverSinglestep(prediction_type="sample", solver_order=2, final_sigmas_type="zero")
    outer = levels(6)
    x, states = keep(peer, two_modes, interleaved(outer, (0.5,)))
    got = ours(build("core.samplers", "dpmpp_2s"), two_modes, KEEPING, x, outer)
    assert_same(got, torch.cat([states[1:-1:2], states[-1:]]))


def test_dpm_solver_singlestep_3s(peers, two_modes):
    """Algorithm 5 integrates the slope of its inner step exactly, as ours does; they do so only where the option heun
    changes the outer one too. With heun inside and midpoint outside they are ours; as they are, they part at once."""

    class Mixed(peers.DPMSolverSinglestep):
        def singlestep_dpm_solver_second_order_update(self, *args, **kwargs):
            other = peers.DPMSolverSinglestep(prediction_type="sample", solver_order=3, solver_type="heun")
            other.sigmas, other._step_index = self.sigmas, self._step_index
            return other.singlestep_dpm_solver_second_order_update(*args, **kwargs)

    options = {"prediction_type": "sample", "solver_order": 3, "final_sigmas_type": "zero"}
    outer = levels(5)
    sigmas = interleaved(outer, (1 / 3, 2 / 3))
    x, states = keep(Mixed(**options), two_modes, sigmas)
    got = ours(build("core.samplers", "dpmpp_3s"), two_modes, KEEPING, x, outer)
    assert_same(got, torch.cat([states[2:-1:3], states[-1:]]))
    _, plain = keep(peers.DPMSolverSinglestep(**options), two_modes, sigmas)
    assert (got[0] - plain[2]).abs().max() > 1e-6


@pytest.mark.parametrize("variant", ["bh1", "bh2"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_unipc(order, variant, peers, two_modes):
    """Their step onto sigma = 0 must be of first order (lower_order_final), which at order 3 lowers the one before it
    to 2: there ours keeps its order, and only the states before are the same. With bh1 it gives nan: B = h is infinite.
    """
    peer = peers.UniPCMultistep(
        prediction_type="sample", solver_order=order, solver_type=variant, final_sigmas_type="zero"
    )
    x, states = keep(peer, two_modes, levels())
    got = ours(build("core.samplers", "unipc", {"order": order, "variant": variant}), two_modes, KEEPING, x, levels())
    same = STEPS - 2 if order == 3 else STEPS - 1
    assert_same(got[:same], states[:same])
    if variant == "bh1":
        assert states[-1].isnan().all()
    elif order < 3:
        assert_same(got, states)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_deis_in_the_logarithm_of_the_level(order, peers, two_modes):
    """Theirs is the «log rho» form: ours along a path whose time is ln level. They cannot land on sigma = 0."""
    sigmas = levels()[:-1]
    peer = peers.DEISMultistep(prediction_type="sample", solver_order=order, lower_order_final=False)
    x, states = keep(peer, two_modes, sigmas)
    sampler = along(LogLevel(), build("core.samplers", "deis", {"order": order}))
    assert_same(ours(sampler, two_modes, KEEPING, x, sigmas), states)


def test_deis_on_edm_is_lms(two_modes):
    """Zhang & Chen 2023: with the level as time, tAB is the linear multistep method; also onto sigma = 0."""
    sigmas = levels()
    x = start(EDM(), sigmas[0])
    for order in (1, 2, 3, 4):
        lms = build("core.samplers", "lms", {"order": order})
        assert torch.allclose(
            last(deis(two_modes.denoise(EDM()), EDM(), x, sigmas, order=order)),
            last(lms(two_modes.denoise(EDM()), EDM(), x, sigmas)),
            rtol=1e-11,
        )


# ---- the discrete table ---------------------------------------------------------------------------------------------


def on_table(peer, data, x, **options):
    """Their states and timesteps, from a call of the network at every timestep that they ask for."""
    model = eps_model(data, Table(peer.alphas_cumprod.double()))
    states = []
    for t in peer.timesteps:
        x = peer.step(model(x, t + 1.0), t, x, return_dict=False, **options)[0]
        states.append(x)
    return torch.stack(states)


def grid_of(timesteps):
    return torch.cat([timesteps.double() + 1, torch.zeros(1)])


@pytest.mark.parametrize(
    ("peer", "name", "options", "theirs"),
    [
        ("DDIM", "ddim", {"eta": 0.0}, {"eta": 0.0}),
        ("DDIM", "ddim", {"eta": 0.6}, {"eta": 0.6}),
        ("DDIM", "ddim", {"eta": 1.0}, {"eta": 1.0}),
        ("DDPM", "ddpm", {"variance": 0.0}, {}),
        ("DDPM", "ddpm", {"variance": 1.0}, {"variance_type": "fixed_large"}),
    ],
    ids=str,
)
def test_ancestral_schedulers_at_the_same_noise(peer, name, options, theirs, peers, two_modes, generator):
    clip = {"clip_sample": False}
    scheduler = peers.DDPM(**clip, **theirs) if peer == "DDPM" else peers.DDIM(**clip)
    scheduler.set_timesteps(10)
    schedule = Table(scheduler.alphas_cumprod.double())
    times = grid_of(scheduler.timesteps)
    x = start(schedule, times[0])
    noise = [torch.randn(x.shape, generator=generator) for _ in times]
    peers.draws[:] = noise
    states = on_table(scheduler, two_modes, x, **(theirs if peer == "DDIM" else {}))
    draws = iter(noise)
    got = ours(build("core.samplers", name, options), two_modes, schedule, x, times, randn_like=lambda x: next(draws))
    assert_same(got, states)


@pytest.mark.parametrize(("name", "skip", "first"), [("pndm", False, [3, 7, 11]), ("plms", True, [1])])
def test_pndm(name, skip, first, peers, two_modes):
    """All but the last step, which they extrapolate onto sigma = 0 with earlier eps; ours is x0_hat."""
    scheduler = peers.PNDM(skip_prk_steps=skip, set_alpha_to_one=True)
    scheduler.set_timesteps(10)
    schedule = Table(scheduler.alphas_cumprod.double())
    times = grid_of(torch.arange(900, -1, -100))
    x = start(schedule, times[0])
    states = on_table(scheduler, two_modes, x)
    ends = torch.cat([states[first], states[first[-1] + 1 :]])
    got = ours(build("core.samplers", name), two_modes, schedule, x, times)
    assert_same(got[:-1], ends[:-1])
    x0 = two_modes.denoise(schedule)(got[-2], times[-2])
    assert torch.allclose(got[-1], x0, rtol=1e-12)
    assert (ends[-1] - x0).abs().max() > 1e-6
