"""Folders of samples, the cache of networks, sharing among processes, and what is too little or nothing."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.training.distributed import World
from modalities.features import learning
from modalities.modality import Modality, load
from tools.evaluation import gathered, measures, networks, score, stream
from tools.evaluation.gathered import Rows, gather, statistics_of

COUNT = 80


@pytest.fixture(scope="module")
def media() -> Iterator[Modality]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "EXAMPLES", {2: 200, 3: 200})
        patch.setattr(learning, "STEPS", 5)
        patch.setattr(measures, "RESAMPLES", 10)
        yield load("image", size=12)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, media: Modality) -> Iterator[Path]:
    """A cache, and in it a folder of real examples as samples, with a manifest and a sheet."""
    root = tmp_path_factory.mktemp("evaluation")
    folder, lines = root / "samples", []
    for part in stream.real(media, media.source(None, "test"), range(COUNT), workers=0):
        for number, stored, label in zip(part.numbers.tolist(), part.media, part.labels.tolist(), strict=True):
            media.write(stored, folder / f"{number:06d}.png")
            lines.append(
                {"file": f"{number:06d}.png", "label": label, "class": media.source(None, "train").classes[label]}
            )
    media.write(part.media[0], folder / "sheet.png")
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRIFUSE_CACHE", str(root / "cache"))
        yield folder


def test_files_score_as_the_tensors_that_they_were_written_from(place: Path, media: Modality) -> None:
    said: list[str] = []
    files = score.score_folder(place, None, media, real=200, say=said.append)
    goal = score.target(media, media.source(None, "train"), samples=COUNT, real=200, say=said.append)
    tensors = score.scored(goal, stream.real(media, media.source(None, "test"), range(COUNT), workers=0))
    assert tensors is not None
    assert files.values == tensors.values
    assert files.floors == tensors.floors
    assert files.samples.count == COUNT  # the sheet is no sample
    assert said == ["teaching a feature network from 200 examples, once"]  # the second time it comes from the cache


def test_only_so_many_files_and_only_these_metrics(place: Path, media: Modality) -> None:
    found = score.score_folder(place, None, media, n=30, real=100, metrics=["kernel", "accuracy", "motion"])
    assert list(found.values) == ["kernel", "accuracy"]
    assert found.samples.count == 30


def test_labels_follow_the_names_of_classes_and_not_their_numbers(place: Path, media: Modality, tmp_path: Path) -> None:
    copy = tmp_path / "renamed"
    copy.mkdir()
    for path in place.glob("0*.png"):
        (copy / path.name).write_bytes(path.read_bytes())
    lines = [json.loads(line) for line in (place / "manifest.jsonl").read_text().splitlines()]
    (copy / "manifest.jsonl").write_text("".join(json.dumps({**line, "label": 0}) + "\n" for line in lines))
    classes = media.source(None, "train").classes
    ours, theirs = (torch.cat([p.labels for p in stream.Files(f, media, classes).parts(None)]) for f in (copy, place))
    assert torch.equal(ours, theirs)
    assert len(set(ours.tolist())) == 5


def test_processes_share_a_stream_without_loss(media: Modality, place: Path) -> None:
    """Shares of one and of two processes: the same examples once each, and the same moments and rows when joined."""
    source = media.source(None, "train")
    network = networks.taught(media, source, range(200), name="shapes")
    whole = gather(stream.real(media, source, range(33), workers=0), network, statistics_of("image"))
    shares = [
        gather(
            stream.real(media, source, range(33), World(r, 2, torch.device("cpu")), workers=0),
            network,
            statistics_of("image"),
        )
        for r in range(2)
    ]
    assert whole is not None
    assert all(share is not None for share in shares)
    joined = Rows.joined(share.rows for share in shares if share)
    assert torch.equal(joined.numbers, whole.rows.numbers)
    assert torch.equal(joined.labels, whole.rows.labels)
    assert torch.allclose(joined.features, whole.rows.features, atol=1e-5)
    shares[0].moments.merge(shares[1].moments)  # type: ignore[union-attr]
    assert torch.allclose(shares[0].moments.covariance, whole.moments.covariance, atol=1e-5)  # type: ignore[union-attr]


def test_files_are_shared_too(media: Modality, place: Path) -> None:
    files = stream.Files(place, media, media.source(None, "train").classes)
    numbers = [
        torch.cat([part.numbers for part in files.parts(World(r, 3, torch.device("cpu")), 50)]).tolist()
        for r in range(3)
    ]
    assert sorted(number for some in numbers for number in some) == list(range(50))
    assert [numbers[r][0] for r in range(3)] == [0, 1, 2]


def test_rows_are_kept_of_the_first_so_many_and_moments_of_all(
    media: Modality, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered, "KEPT", 20)
    source = media.source(None, "train")
    network = networks.taught(media, source, range(200), name="shapes")
    found = gather(stream.real(media, source, range(100), workers=0), network, statistics_of("image"))
    assert found is not None
    assert (found.count, len(found.rows.features)) == (100, 20)


def test_a_network_is_read_back_bit_for_bit_and_other_data_have_another(media: Modality, place: Path) -> None:
    source = media.source(None, "train")
    taught = networks.taught(media, source, range(200), name="shapes")
    assert networks.fingerprint(media, source, range(200)) == networks.fingerprint(media, source, range(200))
    other = media.source(None, "val")
    assert networks.fingerprint(media, source, range(200)) != networks.fingerprint(media, other, range(200))
    path = place.parent / "kept.safetensors"
    networks.write(taught, path)
    again = networks.read(path)
    assert again is not None
    assert again.identity == taught.identity
    assert again.classes == tuple(source.classes)
    used = networks.chosen(str(path), media, source, [], name="")
    assert used.identity == taught.identity
    with pytest.raises(ValueError, match="looks at Picture"):
        networks.chosen(str(path), load("audio", samples=1024), source, [], name="")


def test_files_that_are_no_feature_network(media: Modality, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not a feature network of this suite") as caught:
        networks.read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="choose classifier, inception, or the path"):
        networks.chosen("vgg", media, media.source(None, "train"), [], name="")


def test_too_few_for_the_width_of_the_features(place: Path, media: Modality) -> None:
    with pytest.raises(ValueError, match=r"40 samples are too few .* width 64: at least 65 are needed"):
        score.score_folder(place, None, media, n=40, real=200)


def test_where_the_data_hold_few_the_floor_takes_half(place: Path, media: Modality) -> None:
    class Few:
        """The first 160 examples."""

        classes = media.source(None, "train").classes

        def __len__(self) -> int:
            return 160

        def read(self, index: int, generator: torch.Generator) -> object:
            return media.source(None, "train").read(index, generator)

    goal = score.target(media, Few(), samples=60, real=1000)  # type: ignore[arg-type]
    assert goal.beside is not None
    assert (goal.real.count, goal.beside.count) == (40, 40)
    found = score.scored(goal, stream.real(media, media.source(None, "test"), range(60), workers=0), metrics=["kernel"])
    assert found is not None
    assert "the floor is that of 40 real examples" in found.notes[0]
    assert dataclasses.replace(found, notes=[]).value("kernel") == found.value("kernel")


def test_an_unreadable_sample_is_left_out_and_named(place: Path, media: Modality, tmp_path: Path) -> None:
    for i, path in enumerate(sorted(place.glob("00000*.png"))):
        (tmp_path / path.name).write_bytes(path.read_bytes() if i else path.read_bytes()[:60])
    files = stream.Files(tmp_path, media, ())
    numbers = torch.cat([part.numbers for part in files.parts(None)]).tolist()
    assert numbers == list(range(1, 10))
    assert len(files.bad) == 1
    assert "000000.png" in files.bad[0]


def test_empty_and_missing_folders(tmp_path: Path, media: Modality) -> None:
    with pytest.raises(ValueError, match="there is no such folder"):
        score.score_folder(tmp_path / "nothing", None, media)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is empty: it should hold image files"):
        score.score_folder(tmp_path / "empty", None, media)
    (tmp_path / "empty" / "sheet.png").write_bytes((tmp_path / "empty").name.encode())
    with pytest.raises(ValueError, match="holds no image samples"):
        score.score_folder(tmp_path / "empty", None, media)
