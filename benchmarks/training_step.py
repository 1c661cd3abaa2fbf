"""Forward, backward and AdamW step of our networks against those of diffusers, at equal parameters, batch and input.

    python benchmarks/training_step.py [--device cpu|cuda] [--threads N] [--rounds N] [--only TEXT] [--large]

The peers are built from their documented defaults (blocks per level, normalisation, attention, embedding), with
fewer channels so that two CPU cores can train them; ours has the same number of levels and as many parameters within
5 % and is built by its own defaults. Each row runs both in turn, round by round, in one process, and prints the
medians. bf16 is autocast with float32 weights; on a CPU without bf16 arithmetic it is emulated and slow, so its rows
are small. --large: the sizes for a GPU.
"""

import argparse
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._timing import interleaved, peak_mib
from modalities.audio.network import WaveformUNet
from modalities.image.network import ImageUNet
from modalities.video.network import VideoUNet

Forward = Callable[[Tensor, Tensor, Tensor], Tensor]  # (x, noise_label (B,), label (B,)) -> like x


class Pair(NamedTuple):
    ours: nn.Module
    peer: Any  # a diffusers model; its types are not known here
    call_peer: Forward


def image(scale: int) -> Pair:
    """Three levels of 64, 128, 128 channels (times scale), two blocks each, attention in the lower two."""
    from diffusers import UNet2DModel

    peer = UNet2DModel(
        sample_size=32,
        in_channels=3,
        out_channels=3,
        block_out_channels=(64 * scale, 128 * scale, 128 * scale),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        num_class_embeds=11,
    )
    ours = ImageUNet(
        in_channels=3, classes=10, width=76 * scale, multipliers=(1, 2, 2), blocks=2, attention=(False, True, True)
    )
    return Pair(ours, peer, lambda x, t, label: peer(x, 250 * (t + 2), class_labels=label).sample)


def wave(scale: int) -> Pair:
    """Three levels; the peer's are its defaults 32, 32, 64 (times scale), from the full rate down by 2."""
    from diffusers import UNet1DModel

    peer = UNet1DModel(
        sample_size=8192,
        in_channels=1,
        out_channels=1,
        block_out_channels=(32 * scale, 32 * scale, 64 * scale),
        extra_in_channels=64 * scale,  # the width of its noise embedding, which it lays beside the wave
    )
    ours = WaveformUNet(
        in_channels=1, width=54 * scale, multipliers=(1, 1, 2), blocks=1, attention=(False, False, True), patch=16
    )
    return Pair(ours, peer, lambda x, t, label: peer(x, t).sample)


def video(scale: int) -> Pair:
    """Three levels of 32, 64, 64 channels (times scale), attention in space and time in the lower two. The peer's
    cross-attention, which it cannot go without, gets one token of the condition."""
    from diffusers import UNet3DConditionModel

    peer = UNet3DConditionModel(
        sample_size=32,
        in_channels=3,
        out_channels=3,
        block_out_channels=(32 * scale, 64 * scale, 64 * scale),
        down_block_types=("DownBlock3D", "CrossAttnDownBlock3D", "CrossAttnDownBlock3D"),
        up_block_types=("CrossAttnUpBlock3D", "CrossAttnUpBlock3D", "UpBlock3D"),
        layers_per_block=1,
        cross_attention_dim=32 * scale,
        attention_head_dim=8,
    )
    ours = VideoUNet(
        in_channels=3,
        width=60 * scale,
        multipliers=(1, 2, 2),
        blocks=1,
        attention=(False, True, True),
        temporal_attention=(False, True, True),
    )
    token = torch.zeros(1, 1, 32 * scale)
    return Pair(ours, peer, lambda x, t, label: peer(x, 250 * (t + 2), token.to(x).expand(len(x), -1, -1)).sample)


class Row(NamedTuple):
    name: str
    pair: Callable[[int], Pair]
    scale: int
    precision: str
    batch: int
    event: tuple[int, ...]


SMALL = [
    Row("image", image, 1, "fp32", 8, (3, 32, 32)),
    Row("image", image, 1, "bf16", 1, (3, 16, 16)),
    Row("waveform", wave, 1, "fp32", 4, (1, 8192)),
    Row("waveform", wave, 1, "bf16", 1, (1, 2048)),
    Row("video", video, 1, "fp32", 2, (3, 8, 32, 32)),
    Row("video", video, 1, "bf16", 1, (3, 2, 16, 16)),
]
LARGE = [
    Row(name, pair, 4, precision, batch, event)
    for name, pair, batch, event in (
        ("image", image, 64, (3, 32, 32)),
        ("waveform", wave, 32, (1, 16384)),
        ("video", video, 4, (3, 16, 64, 64)),
    )
    for precision in ("fp32", "bf16")
]


def training_step(network: nn.Module, forward: Forward, x: Tensor, precision: str) -> Callable[[], None]:
    """One closure: forward under the precision, mean square loss, backward, AdamW."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    t = torch.linspace(-1, 1, len(x), device=x.device)
    label = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    target = torch.randn_like(x)

    def step() -> None:
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            y = forward(x, t, label)
        (y.float() - target).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def measure(row: Row, rounds: int, device: torch.device) -> str:
    torch.manual_seed(0)
    ours, peer, call_peer = row.pair(row.scale)
    ours.to(device).to(memory_format=torch.channels_last).train()
    peer.to(device).train()
    x = torch.randn(row.batch, *row.event, device=device)
    steps = {
        "ours": training_step(ours, lambda x, t, label: ours(x, t, {"label": label}), x, row.precision),
        "peer": training_step(peer, call_peer, x, row.precision),
    }
    millions = {name: sum(p.numel() for p in m.parameters()) / 1e6 for name, m in (("ours", ours), ("peer", peer))}
    unequal = abs(millions["ours"] / millions["peer"] - 1)
    assert unequal < 0.05, f"{row.name}: {millions} differ by more than 5 %"
    seconds = interleaved(steps, rounds, device)
    memory = {name: peak_mib(step, device) for name, step in steps.items()}
    shape = "x".join(str(n) for n in (row.batch, *row.event))
    line = f"{row.name:9} {row.precision}  {shape:14} {millions['ours']:7.2f} {millions['peer']:7.2f}"
    line += f"  {1e3 * seconds['ours']:9.1f} {1e3 * seconds['peer']:9.1f}  {seconds['peer'] / seconds['ours']:6.2f}"
    return line + (f"  {memory['ours']:8.0f} {memory['peer']:8.0f}" if device.type == "cuda" else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0: as many as torch takes")
    parser.add_argument("--rounds", type=int, default=7, help="counted repetitions of each")
    parser.add_argument("--only", default="", help="rows whose name or precision holds this text")
    parser.add_argument("--large", action="store_true", help="the sizes for a GPU")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    chip: Any = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, {chip}, {cpu_name()}")
    head = "network   type  input           M ours  M peer    ms ours   ms peer   ratio"
    print(head + "  MiB ours, peer" * (device.type == "cuda"))
    for row in LARGE if options.large else SMALL:
        if options.only in f"{row.name} {row.precision}":
            print(measure(row, options.rounds, device), flush=True)


def cpu_name() -> str:
    """The processor as Linux calls it, or what Python knows."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
