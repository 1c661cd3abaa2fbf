"""Further values of the metadata: from every container, through batches and over process borders."""

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet
import pytest
import soundfile
import torch

import modalities.modality
from modalities.data.batch import Batch
from modalities.data.conditions import values_of
from modalities.data.example import Example, Fields, Source

RECORDS = [
    {"label": 7, "speaker": "ada", "pitch": 110.5, "loud": True, "notes": [1, 2], "nothing": None},
    {"label": 3, "speaker": "bob", "tempo": 90},
    {},
]
WANT = [{"speaker": "ada", "pitch": 110.5, "loud": 1.0}, {"speaker": "bob", "tempo": 90.0}, {}]


def wav() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, numpy.zeros(100), 8000, format="WAV")
    return buffer.getvalue()


def as_tar(root: Path) -> None:
    with tarfile.open(root / "sounds-train-0.tar", "w") as tar:
        for i, record in enumerate(RECORDS):
            for ending, data in (("wav", wav()), ("json", json.dumps(record).encode())):
                member = tarfile.TarInfo(f"{i}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def as_sidecars(root: Path) -> None:
    for i, record in enumerate(RECORDS):
        (root / f"{i}.wav").write_bytes(wav())
        if record:
            (root / f"{i}.json").write_text(json.dumps(record))


def as_csv(root: Path) -> None:
    for i in range(3):
        (root / f"{i}.wav").write_bytes(wav())
    rows = ["file_name,label,speaker,pitch,loud,tempo", "0.wav,7,ada,110.5,1,", "1.wav,3,bob,,,90", "2.wav,,,,,"]
    (root / "labels.csv").write_text("\n".join(rows))


def as_parquet(root: Path) -> None:
    columns = {name: [r.get(name) for r in RECORDS] for name in ("label", "speaker", "pitch", "loud", "tempo", "notes")}
    pyarrow.parquet.write_table(pyarrow.table({"audio": [wav()] * 3, **columns}), root / "train.parquet")


@pytest.fixture(params=[as_tar, as_sidecars, as_csv, as_parquet], ids=lambda f: f.__name__)
def source(request, tmp_path: Path) -> Source:
    request.param(tmp_path)
    return modalities.modality.load("audio", samples=64).source(tmp_path, "train")


def further(values: dict) -> dict:
    return {name: value for name, value in values.items() if name not in ("label", "file_name")}


def test_every_container_gives_them(source: Source) -> None:
    assert [further(source.read(i, torch.Generator()).values) for i in range(3)] == WANT


def test_a_field_of_all_examples_without_their_media(source: Source, monkeypatch) -> None:
    monkeypatch.setattr(soundfile, "SoundFile", None)  # decoding would fail
    assert isinstance(source, Fields)
    assert source.field("pitch") == [110.5, None, None]
    assert source.field("speaker") == ["ada", "bob", None]
    assert source.field("unheard") == [None] * 3


def test_a_batch_has_a_column_per_field_and_carries_it_over_a_process_border() -> None:
    media = torch.zeros(1, 4, dtype=torch.int16)
    batch = Batch.of([Example(media, values={"pitch": 2.0}), Example(media), Example(media, values={"by": "ada"})])
    want = {"pitch": (2.0, None, None), "by": (None, None, "ada")}
    for back in (batch, pickle.loads(pickle.dumps(batch)), batch.to("cpu")):
        assert back.values == want


@pytest.mark.parametrize(
    ("value", "want"),
    [("440", 440.0), (" 4e2 ", 400.0), (3, 3.0), (False, 0.0), ("ada", "ada"), ("", None), ("nan", None), ({}, None)],
)
def test_numbers_are_numbers_and_words_words(value, want) -> None:
    assert values_of({"x": value}) == ({} if want is None else {"x": want})


def test_captions_of_sidecars(tmp_path: Path) -> None:
    as_sidecars(tmp_path)
    (tmp_path / "2.json").write_text('{"caption": "a  low\\nhum"}')
    (tmp_path / "1.json").write_text("{broken")
    source = modalities.modality.load("audio", samples=64).source(tmp_path, "train")
    read = [source.read(i, torch.Generator()) for i in range(3)]
    assert [example.caption for example in read] == ["", "", "a low hum"]
    assert read[1].values == {}


@pytest.mark.parametrize(("modality", "field"), [("audio", "pitch_hz"), ("image", "radius"), ("video", "radius")])
def test_embedded_examples_have_what_describes_them(modality: str, field: str) -> None:
    source = modalities.modality.load(modality).source(None, "test")
    assert isinstance(source, Fields)
    values = source.field(field)
    assert len(values) == len(source)
    assert values[5] == source.describe(5)[field] == source.read(5, torch.Generator()).values[field]  # type: ignore[attr-defined]
    assert len(set(values)) > 20
