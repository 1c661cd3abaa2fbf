"""Autoencoders of diffusers, tiny ones made and saved here: read back from their folders they are what they were."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from modalities.latents.pretrained import KINDS, Pretrained, find, is_name, load_pretrained

FLAT = {"norm_num_groups": 4, "layers_per_block": 1}
TINY: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[int, ...]]] = {
    "AutoencoderKL": (
        {
            **FLAT,
            "block_out_channels": (8, 8),
            "down_block_types": ("DownEncoderBlock2D",) * 2,
            "up_block_types": ("UpDecoderBlock2D",) * 2,
            "shift_factor": 0.25,
        },
        (3, 16, 12),
        (4, 8, 6),
    ),
    "AutoencoderOobleck": (
        {
            "encoder_hidden_size": 8,
            "downsampling_ratios": [2, 4],
            "channel_multiples": [1, 2],
            "decoder_channels": 4,
            "decoder_input_channels": 4,
        },
        (2, 64),
        (4, 8),
    ),
    "AutoencoderKLTemporalDecoder": (
        {"block_out_channels": (32, 32), "down_block_types": ("DownEncoderBlock2D",) * 2},
        (3, 3, 16, 16),
        (4, 3, 8, 8),
    ),
    "AutoencoderKLWan": (
        {
            "base_dim": 4,
            "z_dim": 4,
            "dim_mult": [1, 1],
            "num_res_blocks": 1,
            "temperal_downsample": [True],
            "latents_mean": [0.1, 0.2, 0.3, 0.4],
            "latents_std": [1.0, 2.0, 4.0, 8.0],
        },
        (3, 5, 16, 16),
        (4, 3, 8, 8),
    ),
}


def made(name: str) -> Pretrained:
    from diffusers.models import autoencoders

    torch.manual_seed(0)
    return Pretrained(getattr(autoencoders, name)(**TINY[name][0]).eval())


@pytest.mark.parametrize("name", TINY)
def test_read_back_from_a_folder_it_is_the_same(name, tmp_path):
    ours = made(name)
    ours.save(tmp_path / "model")
    assert [p.suffix for p in sorted((tmp_path / "model").iterdir())] == [".json", ".safetensors"]
    theirs = load_pretrained(str(tmp_path / "model")).eval()
    assert theirs.modality == next(kind for kind, names in KINDS.items() if name in names)
    assert theirs.fingerprint() == ours.fingerprint()
    _, event, latent = TINY[name]
    x0 = torch.randn(2, *event, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        z = theirs.encode(x0)
        back = theirs.decode(z)
        assert torch.equal(z, ours.encode(x0))
    assert z.shape == (2, *latent)
    assert theirs.latent_shape(event) == latent  # found without computing anything
    assert back.shape == x0.shape


def test_it_encodes_as_the_library_itself_does():
    """KL: the mean of the posterior. The temporal decoder: its frames one by one, and a clip decoded as one."""
    image, clip = made("AutoencoderKL"), made("AutoencoderKLTemporalDecoder")
    x0 = torch.randn(2, 3, 16, 12)
    with torch.no_grad():
        assert torch.equal(image.encode(x0), image.model.encode(x0).latent_dist.mean)
        frames = torch.randn(2, 3, 3, 16, 16)
        z = clip.encode(frames)
        for t in range(3):
            assert torch.allclose(z[:, :, t], clip.model.encode(frames[:, :, t]).latent_dist.mean, atol=1e-5)
        alone = clip.model.decode(z[1].transpose(0, 1), num_frames=3).sample
        assert torch.allclose(clip.decode(z)[1], alone.transpose(0, 1), atol=1e-4)


def test_the_spread_is_the_published_one():
    assert made("AutoencoderKL").spread() == ([0.25] * 4, [0.18215] * 4)
    assert made("AutoencoderKLWan").spread() == ([0.1, 0.2, 0.3, 0.4], [1.0, 0.5, 0.25, 0.125])
    assert made("AutoencoderOobleck").spread() is None


def test_the_fingerprint_sees_every_weight():
    model = made("AutoencoderKL")
    before = model.fingerprint()
    next(reversed(list(model.model.parameters()))).data[0] += 1e-6
    assert model.fingerprint() != before


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        ("AutoencoderKL", (1, 16, 16), "encodes 3 channels, the media have 1"),
        ("AutoencoderKL", (3, 15, 16), "back as (3, 14, 16)"),
        ("AutoencoderKLWan", (3, 4, 16, 16), "back as"),
        ("AutoencoderOobleck", (1, 64), "encodes 2 channels"),
    ],
)
def test_media_that_would_not_come_back(name, event, expected):
    with pytest.raises(ValueError) as caught:
        made(name).latent_shape(event)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def unpickled(folder: Path) -> None:
    weights = folder / "diffusion_pytorch_model.safetensors"
    torch.save({}, folder / "diffusion_pytorch_model.bin")
    weights.unlink()


def renamed(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"_class_name": "UNet2DModel"}))


def widened(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"latent_channels": 8}))


def damaged(folder: Path) -> None:
    (folder / "diffusion_pytorch_model.safetensors").write_bytes(b"not weights")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [(unpickled, "safetensors"), (renamed, "UNet2DModel"), (widened, "could not be read"), (damaged, "could not be")],
)
def test_a_folder_that_is_no_autoencoder(tmp_path, spoil: Callable[[Path], None], expected):
    """A pickle above all is never opened."""
    made("AutoencoderKL").save(tmp_path / "model")
    spoil(tmp_path / "model")
    with pytest.raises(ValueError, match="latents=") as caught:
        load_pretrained(str(tmp_path / "model"))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_and_names(tmp_path, monkeypatch):
    """A pipeline's folder holds its autoencoder in `vae`; a path of ours is never taken for a name of the hub."""
    (tmp_path / "pipeline" / "vae").mkdir(parents=True)
    (tmp_path / "pipeline" / "vae" / "config.json").write_text("{}")
    assert find(str(tmp_path / "pipeline")) == tmp_path / "pipeline" / "vae"
    assert find(str(tmp_path)) is None
    monkeypatch.chdir(tmp_path)
    assert is_name("stabilityai/sd-vae-ft-mse")
    assert not is_name("runs/autoencoder_mnist")
    assert not is_name("pipeline/autoencoder")
    assert not is_name("/models/vae")


def test_another_model_of_the_library_is_refused():
    from diffusers import UNet2DModel

    small = UNet2DModel(
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
    )
    with pytest.raises(ValueError, match="UNet2DModel is no autoencoder"):
        Pretrained(small)
