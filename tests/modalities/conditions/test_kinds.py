"""The kinds that need no media: rows of a batch, what a user says, and that an absent row is one."""

import pytest
import torch

import modalities.modality
from core.condition import absent, is_absent
from modalities.condition import build
from modalities.conditions.text import pieces
from modalities.data.batch import Batch
from modalities.data.example import Example

MEDIA = modalities.modality.load("image", size=8)
NODES = {
    "caption": {"name": "text", "length": 6, "width": 16, "layers": 1},
    "pitch": {"name": "value", "field": "pitch", "low": 100.0, "high": 400.0, "scale": "log"},
    "speaker": {"name": "label", "field": "speaker", "classes": ["ada", "bob", "7"]},
}
SAID = {"caption": ("a Red circle", ""), "pitch": (200.0, None), "speaker": ("bob", None)}
KINDS = build(NODES, MEDIA)
names = pytest.mark.parametrize("name", NODES)


def batch() -> Batch:
    media = torch.zeros(3, 8, 8, dtype=torch.uint8)
    full = Example(media, caption="a Red circle", values={"pitch": 200.0, "speaker": "bob"})
    return Batch.of([full, Example(media), Example(media, values={"pitch": 401.0, "speaker": "cat"})])


def rows(name: str) -> torch.Tensor:
    return KINDS[name].of(batch(), torch.zeros(3, 3, 8, 8), torch.Generator())


@names
def test_a_batch_and_a_user_say_the_same(name):
    """What the data lack, or what was not to be learned, is absent; to say what an example has gives its row."""
    kind = KINDS[name]
    assert is_absent(rows(name)).tolist() == [False, True, True]
    assert torch.equal(rows(name)[1:2].nan_to_num(9), kind.empty().nan_to_num(9))
    said = kind.said(batch())
    assert said[1:] == [None, None]
    for word in (said[0], f" {said[0]}"):
        assert torch.equal(kind.given(word), rows(name)[:1])
    assert (kind.given(said[0]).dtype, kind.empty().dtype) == (rows(name).dtype,) * 2


@names
def test_an_absent_row_has_an_embedding_of_its_own_whatever_lies_beside_it(name):
    torch.manual_seed(0)
    kind, given = KINDS[name], rows(name)
    module = kind.module(16)
    out = module(given)
    if kind.enters == "attention":
        tokens, mask = out
        assert mask.sum(1).tolist() == [3, 0, 0]
        assert tokens.isfinite().all()
        return
    assert out.shape == (3, 16)
    torch.testing.assert_close(module(absent(given)), out[1].expand(3, 16))
    assert torch.equal(out[1], out[2])
    assert (out[0] - out[1]).abs().max() > 0.1
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_values_are_told_apart_and_near_ones_are_near():
    torch.manual_seed(0)
    module = KINDS["pitch"].module(64)
    with torch.no_grad():
        e = module(100 * 2 ** torch.linspace(0, 2, 101))
    steps = (e[1:] - e[:-1]).norm(dim=1)
    assert steps.min() > 0.03 * e.norm(dim=1).mean()  # 1 % of the range
    assert steps.max() < 0.7 * e.norm(dim=1).mean()
    assert torch.pdist(e[::10]).min() > 3 * steps.min()


def test_a_scale_of_ratios_and_one_of_differences():
    linear = build({"x": {**NODES["pitch"], "scale": "linear"}}, MEDIA)["x"].module(8)
    ratios = KINDS["pitch"].module(8)
    for module, middle in ((linear, 250.0), (ratios, 200.0)):
        u = []
        module.layer1.register_forward_pre_hook(lambda _, x, u=u: u.append(x[0][:, 16:] / 2**0.5))
        module(torch.tensor([100.0, middle, 400.0]))
        phase = torch.asin(u[0][:, 0]) / 0.5  # the lowest frequency is half a radian over the range
        assert phase.tolist() == pytest.approx([0, 0.5, 1], abs=1e-5)


def test_pieces_are_words_signs_and_bytes():
    assert pieces("A red circle, left.") == [b"a", b"red", b"circle", b",", b"left", b"."]
    assert pieces("  \n") == []
    assert pieces("Größe") == ["größe".encode()] == pieces("Gro\u0308ße")
    assert pieces("breathtakingly") == [b"breathtaking", b"ly"]
    assert b"".join(pieces("青い丸が左に動いている")).decode() == "青い丸が左に動いている"


def test_words_are_told_apart_by_letters_and_by_their_order():
    torch.manual_seed(0)
    text = KINDS["caption"]
    module = text.module(32)
    for p in module.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.1)
    said = ["red left", "left red", "der left", "red", "red left red"]
    tokens, mask = module(torch.cat([text.given(s) for s in said]))
    flat = (tokens * mask[..., None]).sum(1)
    assert torch.pdist(flat).min() > 0.1


def test_padding_does_not_change_a_token():
    """The same text in a row of twice the length."""
    torch.manual_seed(0)
    short = KINDS["caption"]
    long = build({"x": {**NODES["caption"], "length": 12}}, MEDIA)["x"]
    module, longer = short.module(16), long.module(16)
    for p in module.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.1)
    state = module.state_dict()
    state["embed_positions"] = torch.cat([state["embed_positions"], torch.randn(6, 16)])
    longer.load_state_dict(state)
    a, b = module(short.given("a red circle")), longer(long.given("a red circle"))
    torch.testing.assert_close(a[0][:, :3], b[0][:, :3])
    assert (a[1].sum(), b[1].sum()) == (3, 3)


def test_what_is_left_open_is_looked_up_in_the_data():
    fields = {"pitch": [220.0, None, 110.0, "loud"], "speaker": ["bob", 7.0, None, "ada", "bob"]}
    open_ = build(
        {"p": {"name": "value", "field": "pitch", "high": 500.0}, "s": {"name": "label", "field": "speaker"}}, MEDIA
    )
    assert open_["p"].look(fields.__getitem__) == {"low": 110.0, "high": 500.0}
    assert open_["s"].look(fields.__getitem__) == {"classes": ["7", "ada", "bob"]}
    for name, says in (("p", "no number in the field 'pitch'"), ("s", "nothing in the field 'speaker'")):
        with pytest.raises(ValueError, match=says):
            open_[name].look(lambda field: [None])


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("caption", "one two three four five six seven", "it has 7 words and signs, and the model reads at most 6"),
        ("pitch", "401", "401 is no number from 100 to 400, the range that was learned"),
        ("pitch", "high", "high is no number from 100 to 400"),
        ("speaker", "bop", "bop is none of ada, bob, 7 (did you mean 'bob'?)"),
        ("speaker", "3", "3 is none of"),
    ],
)
def test_what_cannot_be_asked_is_one_line(name, value, says):
    with pytest.raises(ValueError) as caught:
        KINDS[name].given(value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("node", "says"),
    [
        ({"name": "valeu"}, "unknown condition 'valeu' (did you mean 'value'?)"),
        ({"name": "value"}, "option 'field' of condition value is missing"),
        ({"name": "value", "field": "x", "low": 2, "high": 1}, "low=2 must be below high=1"),
        ({"name": "value", "field": "x", "low": 0, "scale": "log"}, "scale=log needs a range above 0"),
        ({"name": "value", "field": "x", "scale": "cubic"}, "scale=cubic must be linear or log"),
        ({"name": "text", "dropout": 1.0}, "dropout=1.0 must lie in [0, 1)"),
        ({"name": "text", "length": 0}, "length=0 must be at least 1"),
        ({"name": "label", "field": "x", "classes": ["a", "a"]}, "each once"),
    ],
)
def test_what_cannot_be_built_is_one_line(node, says):
    with pytest.raises(ValueError) as caught:
        build({"x": node}, MEDIA)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["label", "stills", "two words", "keys", "type"])
def test_names_that_are_taken(name):
    with pytest.raises(ValueError, match=f"conditions.{name}: "):
        build({name: {"name": "text"}}, MEDIA)
