"""A frozen text encoder of `transformers`: CLIP's text part, the encoder of T5, BERT and its like.

    captions -> tokenizer -> model.last_hidden_state, one state (D,) per token, or their mean (Reimers & Gurevych 2019)

Only code of the installed library runs: a model that brings its own is refused.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modalities.conditions.encoders.folder import Parts, fingerprint, kind_of

STATES = ("tokens", "mean")
"""What is kept of a caption: the state of every token, or their mean, as sentence encoders are made for."""


class TextEncoder:
    """`encoder(captions) -> [states (n, width) float32 on the CPU]`, n the tokens of each caption, or 1 for the mean.

    The model is read when it is first needed: where all outputs are in the cache it never is. Raises ValueError for
    files that transformers cannot use.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts, self.fingerprint = parts, fingerprint(parts)
        self.width = int(self._read("AutoConfig", parts.model).get_text_config(encoder=True).hidden_size)
        self.tokenizer = self._read("AutoTokenizer", parts.tokenizer)
        self.model: Any = None

    def count(self, caption: str) -> int:
        """Tokens of a caption, the ones at its ends among them."""
        return len(self.tokenizer(caption)["input_ids"])

    @property
    def longest(self) -> int:
        """Tokens that the model can read."""
        return int(min(self.tokenizer.model_max_length, 1 << 20))

    @torch.no_grad()
    def __call__(
        self, captions: Sequence[str], *, length: int, states: str, device: torch.device | str = "cpu"
    ) -> list[Tensor]:
        """Longer captions are cut after `length` tokens. Padding changes no state: the attention is masked."""
        if self.model is None:
            self.model = self._model()
        given = self.tokenizer(
            list(captions), padding=True, truncation=True, max_length=min(length, self.longest), return_tensors="pt"
        ).to(device)
        with torch.autocast(torch.device(device).type, enabled=False):
            out = self.model.to(device)(input_ids=given["input_ids"], attention_mask=given["attention_mask"])
        found = out.last_hidden_state.float().cpu()
        counts = given["attention_mask"].sum(1).tolist()
        each = [rows[mask.bool().cpu()] for rows, mask in zip(found, given["attention_mask"], strict=True)]
        assert [len(rows) for rows in each] == counts
        return [rows.mean(dim=0, keepdim=True) for rows in each] if states == "mean" else each

    def _model(self) -> Any:
        kinds = {"clip": "CLIPTextModel", "clip_text_model": "CLIPTextModel", "t5": "T5EncoderModel"}
        kinds |= {"mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}
        name = kinds.get(kind_of(self.parts), "AutoModel")
        with torch.random.fork_rng():  # what the files lack is drawn at random, and must not move anyone's generator
            model = self._read(name, self.parts.model, use_safetensors=True, dtype=torch.float32)
        return model.eval().requires_grad_(False)

    def _read(self, kind: str, folder: Path, **options: Any) -> Any:
        try:
            import transformers
        except ImportError:
            raise ValueError("a frozen text encoder needs transformers: pip install 'trifuse[text]'") from None
        try:
            return getattr(transformers, kind).from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False, **options
            )
        except Exception as error:  # whatever a damaged or foreign file raises in there
            why = " ".join(str(error).split())[:160]
            raise ValueError(f"{folder} is no text encoder that transformers can read: {why}") from None


@functools.lru_cache(maxsize=4)
def text_encoder(parts: Parts) -> TextEncoder:
    """One encoder per process and folder, however many conditions are made of it."""
    return TextEncoder(parts)
