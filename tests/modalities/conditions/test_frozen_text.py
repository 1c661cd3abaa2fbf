"""Frozen text encoders: the very states of the model, masked padding, a cache by content, and one-line errors.

The encoders are tiny models with random weights, made here and saved as users' are.
"""

import json
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import modalities.modality
from core.condition import is_absent
from modalities.condition import build
from modalities.conditions.encoders import cache, folder
from modalities.conditions.encoders.folder import Parts, fingerprint, located
from modalities.conditions.encoders.text import TextEncoder
from modalities.data.batch import Batch
from modalities.data.example import Example
from tests.tools.small import sampled, trained

transformers = pytest.importorskip("transformers", reason="needs the extra `text`")

WORDS = ["a", "small", "red", "circle", "left", "of", "blue", "square"]
MEDIA = modalities.modality.load("image", size=8)
CAPTIONS = ["a red circle", "a small blue square left of a red circle", "", "a red circle"]


def tokenizer(where: Path, ends: tuple[str, str]) -> None:
    """One token per word, between the two ends that this kind of model has («» for none)."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["<pad>", "<unk>", *(end for end in ends if end)]
    vocabulary = {word: i for i, word in enumerate([*special, *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    template = " ".join(filter(None, (ends[0], "$A", ends[1])))
    made.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(end, vocabulary[end]) for end in ends if end]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", model_max_length=16
    )
    fast.save_pretrained(where)


def small(kind: str) -> Any:
    """The smallest model of a kind."""
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 24}
    torch.manual_seed(0)
    if kind == "clip":
        config = transformers.CLIPTextConfig(
            **size, intermediate_size=32, max_position_embeddings=16, eos_token_id=3, bos_token_id=2, pad_token_id=0
        )
        return transformers.CLIPTextModel(config)
    if kind == "bert":
        return transformers.BertModel(transformers.BertConfig(**size, intermediate_size=32, max_position_embeddings=16))
    config = transformers.T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, vocab_size=24)
    return transformers.T5ForConditionalGeneration(config)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for kind, ends in (("clip", ("<s>", "</s>")), ("t5", ("", "</s>")), ("bert", ("<cls>", "<sep>"))):
        made[kind] = tmp_path_factory.mktemp(kind)
        small(kind).save_pretrained(made[kind], safe_serialization=True)
        tokenizer(made[kind], ends)
    return made


def condition(encoder: Path, where: Path, **options: Any) -> Any:
    node = {"name": "frozen_text", "encoder": str(encoder), "length": 12, "cache": str(where), **options}
    return build({"caption": node}, MEDIA)["caption"]


def rows(kind: Any, captions: list[str] = CAPTIONS) -> torch.Tensor:
    batch = Batch.of([Example(torch.zeros(3, 8, 8, dtype=torch.uint8), caption=caption) for caption in captions])
    return kind.of(batch, torch.zeros(len(captions), 3, 8, 8), torch.Generator())


@pytest.mark.parametrize(("kind", "more"), [("clip", 2), ("t5", 1), ("bert", 2)])
def test_rows_are_the_models_own_states_whatever_else_is_in_the_batch(
    kind: str, more: int, encoders: dict[str, Path], tmp_path: Path
) -> None:
    found = rows(condition(encoders[kind], tmp_path, dtype="float32"))
    assert found.shape == (4, 12, 16)
    assert is_absent(found).tolist() == [False, False, True, False]
    assert (~found.isnan().any(-1)).sum(1).tolist() == [3 + more, 9 + more, 0, 3 + more]
    model = transformers.AutoModel.from_pretrained(encoders[kind]).eval()
    model = model.get_encoder() if kind == "t5" else model
    tokens = transformers.AutoTokenizer.from_pretrained(encoders[kind])
    for i in (0, 1):
        ids = tokens(CAPTIONS[i], return_tensors="pt")["input_ids"]  # alone, without padding
        with torch.no_grad():
            states = model(input_ids=ids).last_hidden_state[0]
        torch.testing.assert_close(found[i, : len(states)], states, atol=1e-5, rtol=1e-5)
    assert (found[0] - found[1])[: 3 + more].abs().max() > 0.1


def test_the_mean_is_one_token(encoders: dict[str, Path], tmp_path: Path) -> None:
    tokens = rows(condition(encoders["bert"], tmp_path, dtype="float32"))
    mean = rows(condition(encoders["bert"], tmp_path, dtype="float32", states="mean"))
    assert mean.shape == (4, 1, 16)
    torch.testing.assert_close(mean[:2, 0], tokens[:2].nanmean(1), atol=1e-6, rtol=1e-5)
    assert is_absent(mean).tolist() == [False, False, True, False]


def test_what_is_said_gives_the_row_that_training_saw(encoders: dict[str, Path], tmp_path: Path) -> None:
    kind = condition(encoders["clip"], tmp_path)
    torch.testing.assert_close(kind.given(CAPTIONS[1]), rows(kind)[1:2], equal_nan=True)
    assert kind.said(Batch.of([Example(torch.zeros(1), caption=c) for c in ("a  red", " ")])) == ["a red", None]
    assert bool(is_absent(kind.given("")))
    assert bool(is_absent(kind.empty()))
    with pytest.raises(ValueError, match="it has 13 tokens, and the model reads at most 12"):
        kind.given("a " * 11)
    long = Batch.of([Example(torch.zeros(1), caption="a " * 20)])
    assert kind.said(long) == [" ".join("a" * 10)]
    assert torch.equal(kind.given(kind.said(long)[0]), rows(kind, ["a " * 20]))


def test_the_module_projects_states_and_masks_the_rest(encoders: dict[str, Path], tmp_path: Path) -> None:
    kind = condition(encoders["t5"], tmp_path)
    given = rows(kind)
    module = kind.module(8)
    tokens, mask = module(given)
    assert tokens.shape == (4, 12, 8)
    assert tokens.isfinite().all()
    assert mask.sum(1).tolist() == [4, 10, 0, 4]
    torch.testing.assert_close(module(100 * given)[0][0], tokens[0], atol=1e-3, rtol=1e-3)  # any scale of states
    (tokens * mask[..., None]).sum().backward()
    assert module.project.weight.grad.isfinite().all()


def test_captions_are_encoded_once_and_found_by_other_processes(
    encoders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = condition(encoders["bert"], tmp_path)
    first = rows(kind)
    files = sorted(tmp_path.rglob("*.safetensors"))
    assert len(files) == 2  # two different captions; an empty one needs none
    monkeypatch.setattr(TextEncoder, "_model", lambda self: pytest.fail("the model was needed"))
    encoder, fresh = TextEncoder(located(str(encoders["bert"]))), cache.Cache(tmp_path, torch.float16)
    facts = [encoder.fingerprint, "tokens", 12]
    again = fresh(CAPTIONS[:2], facts, lambda some: encoder(some, length=12, states="tokens"))
    assert torch.equal(again[1], first[1, : len(again[1])])
    assert load_file(files[0])["states"].dtype == torch.float16
    assert first[0, :5].half().float().equal(first[0, :5])


def test_a_damaged_file_of_the_cache_is_written_anew(tmp_path: Path) -> None:
    where, calls = cache.Cache(tmp_path, torch.float32), []

    def encode(some: list[str]) -> list[torch.Tensor]:
        calls.append(some)
        return [torch.full((2, 3), float(len(caption))) for caption in some]

    assert where(["ab", "abc", "ab"], ["x"], encode)[2].tolist() == [[2.0] * 3] * 2
    path = where.path(cache.key_of("ab", ["x", "torch.float32"]))
    path.write_bytes(path.read_bytes()[:20])
    assert cache.Cache(tmp_path, torch.float32)(["ab", "abc"], ["x"], encode)[0].tolist() == [[2.0] * 3] * 2
    assert calls == [["ab", "abc"], ["ab"]]
    assert cache.Cache(tmp_path, torch.float32).get(cache.key_of("ab", ["x", "torch.float32"])) is not None


def fill(where: Path) -> None:
    """What one process does: sixty looks at twenty captions, each checked."""
    kept = cache.Cache(where, torch.float16)
    for i in range(60):
        kept.memory.clear()
        states = kept([str(i % 20)], ["f"], lambda some: [torch.full((400, 8), float(text)) for text in some])[0]
        assert states.shape == (400, 8)
        assert (states == i % 20).all()


def test_processes_may_fill_one_cache_at_once(tmp_path: Path) -> None:
    processes = [multiprocessing.get_context("fork").Process(target=fill, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 20
    assert all(path.suffix == ".safetensors" and not path.name.startswith(".") for path in files)


def test_an_encoder_is_known_by_its_content(encoders: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(encoders["bert"], copy)
    same = fingerprint(Parts(copy, copy))
    assert same == fingerprint(located(str(encoders["bert"]))) != fingerprint(located(str(encoders["t5"])))
    weights = load_file(copy / "model.safetensors")
    name = sorted(weights)[0]
    weights[name] = weights[name] + 1e-3
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert fingerprint(Parts(copy, copy)) != same


def test_the_text_encoder_of_a_pipelines_folder(encoders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(encoders["clip"], tmp_path / "text_encoder")
    (tmp_path / "tokenizer").mkdir()
    for file in (tmp_path / "text_encoder").glob("token*"):
        file.rename(tmp_path / "tokenizer" / file.name)
    kind = condition(tmp_path, tmp_path / "cache", dtype="float32")
    torch.testing.assert_close(
        rows(kind), rows(condition(encoders["clip"], tmp_path / "other", dtype="float32")), equal_nan=True
    )


def test_what_is_no_encoder_is_one_line(
    encoders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, pickled, broken = tmp_path / "empty", tmp_path / "pickled", tmp_path / "broken"
    empty.mkdir()
    shutil.copytree(encoders["bert"], pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    shutil.copytree(encoders["bert"], broken)
    (broken / "config.json").write_text(json.dumps({"model_type": "unheard_of"}))

    def offline(name: str, **options: Any) -> str:
        raise OSError("Cannot reach the hub\n  and more lines")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    for encoder, says in {
        empty: "holds no config.json: it is no model that transformers has saved",
        pickled: "holds no .safetensors, and weights in other formats are not read",
        broken: "is no text encoder that transformers can read",
        Path("nobody/nothing"): "there is no such folder, and no model of that name came: Cannot reach the hub and",
        broken / "config.json": "is a file; name the folder that holds its config.json",
    }.items():
        folder.located.cache_clear()
        with pytest.raises(ValueError) as error:
            condition(encoder, tmp_path / "cache")
        assert says in str(error.value)
        assert "\n" not in str(error.value)
    for options, says in (
        ({"states": "last"}, "states=last is unknown; choose tokens or mean"),
        ({"dtype": "int8"}, "dtype=int8 is unknown; choose float16 or float32"),
        ({"length": 0}, "length=0 must be at least 1"),
    ):
        with pytest.raises(ValueError, match=says):
            condition(encoders["bert"], tmp_path, **options)


def test_a_model_is_trained_and_asked_through_a_frozen_encoder(
    encoders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line: the prompt changes the sample, and the encoder is needed again, by name, to ask."""
    run, kept = tmp_path / "run", tmp_path / "kept"
    words = [
        "conditions.caption=frozen_text",
        f"conditions.caption.encoder={encoders['bert']}",
        "media.embedded=composed",
    ]
    words += [f"conditions.caption.cache={kept}", "conditions.caption.length=14"]
    assert trained(run, *words) == 0
    assert len(list(kept.rglob("*.safetensors"))) > 3
    pictures = {}
    for name, prompt in (("red", "a small red circle"), ("again", "a small red circle"), ("blue", "a blue square")):
        assert sampled(run, f"prompt={prompt}", "n=1", f"out={tmp_path / name}") == 0
        pictures[name] = (tmp_path / name / "000000.png").read_bytes()
    assert pictures["red"] == pictures["again"] != pictures["blue"]
    assert json.loads((tmp_path / "red" / "manifest.jsonl").read_text())["conditions"] == {
        "caption": "a small red circle"
    }
    capsys.readouterr()
    folder.located.cache_clear()
    assert trained(tmp_path / "other", *words, f"conditions.caption.encoder={tmp_path}") == 2
    said = capsys.readouterr().err
    assert f"encoder={tmp_path} holds no config.json" in said
    assert "Traceback" not in said
