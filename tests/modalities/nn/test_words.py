"""The encoder of captions: what a token knows at the start, and what must not reach it."""

import torch

from modalities.conditions.text import PIECE, Text
from modalities.nn.words import REACH, Words

LENGTH = 8


def encoder() -> Words:
    torch.manual_seed(0)
    return Words(16, length=LENGTH, piece=PIECE, width=32, layers=2).double()


def tokens(words: Words, caption: str) -> torch.Tensor:
    return words(Text(length=LENGTH).given(caption))[0][0]


def test_a_noun_knows_its_adjectives_from_the_start() -> None:
    """The layers start as the identity, so what differs came from the neighbours: two pieces away, not three."""
    words = encoder()
    near = tokens(words, "a red circle") - tokens(words, "a blue circle")
    assert float(near[2].detach().abs().max()) > 0.1
    far = tokens(words, "red a large circle") - tokens(words, "blue a large circle")
    assert REACH == 2
    assert float(far[2].detach().abs().max()) > 0.1
    assert torch.equal(far[3], torch.zeros_like(far[3]))


def test_neighbours_before_and_behind_are_told_apart() -> None:
    words = encoder()
    assert not torch.allclose(tokens(words, "red circle blue")[1], tokens(words, "blue circle red")[1])


def test_what_is_not_there_adds_nothing() -> None:
    """The same caption in a row without padding has the same tokens, whatever the biases make of an empty piece."""
    words, shorter = encoder(), Words(16, length=3, piece=PIECE, width=32, layers=2).double()
    torch.nn.init.normal_(words.mix2.bias)
    for layer in words.layers:
        torch.nn.init.normal_(layer.out.weight)
    state = words.state_dict()
    shorter.load_state_dict(state | {"embed_positions": state["embed_positions"][:3]})
    padded, mask = words(Text(length=LENGTH).given("a red circle"))
    assert mask.tolist() == [[True] * 3 + [False] * (LENGTH - 3)]
    torch.testing.assert_close(shorter(Text(length=3).given("a red circle"))[0], padded[:, :3])
