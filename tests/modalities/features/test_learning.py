"""The classifier learns the labels of the embedded examples and the damages, and is a function of data and seed."""

import pytest
import torch

from modalities.data.batch import Batch
from modalities.features.classifier import Classifier
from modalities.features.learning import learn
from modalities.features.pretext import KINDS, damage
from modalities.features.views import view_of
from modalities.modality import load

OPTIONS = {"image": {"size": 16}, "audio": {"samples": 2048}, "video": {"size": 16, "frames": 6}}
STEPS = {"image": 80, "audio": 40, "video": 60}


def examples(name: str, split: str, count: int) -> tuple[torch.Tensor, torch.Tensor, tuple[str, ...]]:
    media = load(name, **OPTIONS[name])
    source = media.source(None, split)
    batch = Batch.of([source.read(i, torch.Generator()) for i in range(count)])
    return media.prepare(batch, None), batch.labels, source.classes


@pytest.mark.parametrize("name", ["image", "audio", "video"])
def test_labels_and_damages_are_learned(name: str) -> None:
    media, labels, classes = examples(name, "train", 400)
    view = view_of(load(name, **OPTIONS[name]))
    network = learn(view, view(media).half(), labels, classes, steps=STEPS[name])
    unseen, wanted, _ = examples(name, "test", 200)
    seen = network(unseen)
    assert seen.logits is not None
    assert float((seen.logits.argmax(1) == wanted).float().mean()) > 0.5  # a guess is right once in five
    kinds = torch.arange(200) % len(KINDS[view.rank])
    told = network.see(damage(view(unseen), kinds, torch.Generator().manual_seed(0)))[2].argmax(1)
    assert float((told == kinds).float().mean()) > 0.35  # a guess: one in four or five, give or take 0.03


def test_the_same_data_and_seed_give_the_same_network_bit_for_bit() -> None:
    media, labels, classes = examples("image", "train", 100)
    view = view_of(load("image", size=16))
    before = torch.random.get_rng_state()
    once, twice, other = (learn(view, view(media), labels, classes, steps=3, seed=s) for s in (0, 0, 1))
    assert once.identity == twice.identity != other.identity
    assert torch.equal(once(media).features, twice(media).features)
    assert torch.equal(torch.random.get_rng_state(), before)  # it draws from no generator of others


def test_settings_make_the_same_network_again() -> None:
    network = Classifier(view_of(load("video")), 3, ("a", "b"), "clips")
    again = Classifier.of(network.settings)
    again.load_state_dict(network.state_dict())
    assert again.identity == network.identity
    with pytest.raises(ValueError, match="unknown view 'os'"):
        Classifier.of(network.settings | {"view": "os"})


def test_data_without_labels_teach_damages_alone() -> None:
    media, labels, _ = examples("image", "train", 100)
    view = view_of(load("image", size=16))
    network = learn(view, view(media), torch.full_like(labels, -1), (), steps=3)
    assert network(media).logits is None
    assert network(media).features.shape == (100, network.width)
