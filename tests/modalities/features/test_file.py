"""Networks from files: what goes in, what comes out, and files that are none."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from modalities.features.file import FileNetwork
from modalities.features.inception import Inception
from modalities.modality import load


class Means(nn.Module):
    """The mean and the largest value of each example, per frame where it is asked to."""

    def forward(self, x: Tensor, frames: int = 1) -> Tensor:
        flat = x.flatten(1)
        rows = torch.stack([flat.mean(1), flat.amax(1)], 1)
        return rows if frames == 1 else torch.stack([rows, 3 * rows], 1)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("networks") / "means.pt"
    torch.jit.script(Means()).save(str(path))
    return path


def test_pictures_go_in_with_three_channels_in_the_range_that_is_asked_for(script: Path) -> None:
    network = FileNetwork(load("image", size=8, channels=1), script, {"range": [0, 255]})
    media = torch.full((2, 1, 8, 8), 51, dtype=torch.uint8)
    assert torch.allclose(network(media).features, torch.full((2, 2), 51.0), atol=1e-3)
    assert network.width == 2


def test_sounds_are_resampled_and_rows_of_frames_averaged(script: Path) -> None:
    network = FileNetwork(load("audio", samples=800, sample_rate=8000), script, {"sample_rate": 16000, "frames": 2})
    wave = torch.full((1, 1, 800), 8192, dtype=torch.int16)
    plain = FileNetwork(load("audio", samples=800), script, {})(wave).features
    assert network.prepared(wave).shape == (1, 1600)
    assert float(network(wave).features[0, 0]) == pytest.approx(2 * float(plain[0, 0]), rel=0.02)  # mean of 1 and 3


def test_an_exported_program_of_clips(tmp_path: Path) -> None:
    path = tmp_path / "i3d.pt2"
    example = torch.zeros(2, 3, 4, 16, 16)
    torch.export.save(torch.export.export(Means(), (example,), dynamic_shapes=({0: torch.export.Dim("B")},)), path)
    network = FileNetwork(load("video", size=8, frames=4), path, {"size": 16, "name": "i3d"})
    media = torch.full((3, 4, 8, 8, 3), 255, dtype=torch.uint8)
    assert torch.allclose(network(media).features, torch.ones(3, 2))
    assert network.titles == {"frechet": "FVD"}


def test_identity_follows_content_and_settings(script: Path, tmp_path: Path) -> None:
    media = load("image", size=8)
    copy = tmp_path / "other_name.pt"
    copy.write_bytes(script.read_bytes())
    same, other = FileNetwork(media, script, {}), FileNetwork(media, script, {"range": [0, 1]})
    assert FileNetwork(media, copy, {}).identity == same.identity != other.identity


def test_files_that_are_no_network(tmp_path: Path, script: Path) -> None:
    text = tmp_path / "notes.pt"
    text.write_text("no network")
    media = load("image", size=8)
    with pytest.raises(ValueError, match="is not a TorchScript or exported network") as caught:
        FileNetwork(media, text, {})
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="does not take image"):
        FileNetwork(media, script, {"no_such_argument": 1})
    with pytest.raises(ValueError, match="must be two numbers, got 3"):
        FileNetwork(media, script, {"range": 3})


def test_a_network_that_gives_no_row_per_example(tmp_path: Path) -> None:
    class Total(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sum()

    path = tmp_path / "total.pt"
    torch.jit.script(Total()).save(str(path))
    with pytest.raises(ValueError, match=r"gives \(\) for 2 examples, not a row for each"):
        FileNetwork(load("image", size=8), path, {})


def test_inception_refuses_other_media_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="looks at pictures"):
        Inception(load("audio"), None)
    pytest.importorskip("torch_fidelity")
    path = tmp_path / "weights.pth"
    with pytest.raises(ValueError, match="there is no such file"):
        Inception(load("image"), str(path))
    torch.save({"conv.weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="are not those of torch-fidelity's Inception") as caught:
        Inception(load("image"), str(path))
    assert "\n" not in str(caught.value)
