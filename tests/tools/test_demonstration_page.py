"""The demo's page on stand-in runs: examples of the generators take the place of samples."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from core.schedules.cosine import cosine
from core.state import State
from modalities.data.batch import Batch
from modalities.modality import load
from tools import demo
from tools.demonstration import facts, strips
from tools.demonstration.curve import curve
from tools.demonstration.facts import Facts
from tools.demonstration.page import duration, page
from tools.demonstration.show import fact, show

COUNT = 8


def stand_in(name: str, out: Path) -> Facts:
    """Facts as `part` makes them; the last sample is labelled wrongly on purpose."""
    media = load(name)
    source, folder = media.source(None, "train"), out / name
    examples = [source.read(i, torch.Generator()) for i in range(COUNT)]
    samples = []
    for i, example in enumerate(examples):
        path = folder / f"{i:06d}{media.suffix}"
        media.write(example.media, path)
        samples.append(fact(media, out, path, source.classes[(example.label + (i == COUNT - 1)) % len(source.classes)]))
    samples, sheet = show(media, out, sorted(samples, key=lambda sample: source.classes.index(sample.asked)))
    stored = media.prepare(Batch.of(examples), None)
    if not (out / sheet).exists():
        media.sheet(stored, out / sheet, [source.classes[example.label] for example in examples])
    x0, schedule = media.encode(stored)[0], cosine()
    strips.forward(media, schedule, 0.5, x0, 0, folder / "forward.png")
    times = torch.linspace(1, 0, 11, dtype=torch.float64)
    way = [State(t, schedule.alpha(t) * x0[None] + schedule.sigma(t) * torch.randn(1, *x0.shape)) for t in times]
    strips.reverse(media, schedule, 0.5, way, folder / "reverse.png")
    steps = range(20, 1500, 20)
    losses = [(step, 0.3 * step**-0.4 * (1 + 0.2 * float(torch.rand(())))) for step in steps]
    return Facts(
        modality=name,
        event=" × ".join(str(side) for side in media.event_shape),
        parameters=1_234_567,
        steps=1480,
        training_seconds=97.3,
        had_a_core=0.93,
        sampling_seconds=8.25,
        peak_mib=1234.5,
        sampler="heun 18, guidance 1.5",
        commands=[f"python tools/train.py recipe=demo_{name}", "python tools/sample.py run=<run>"],
        losses=losses,
        samples=samples,
        sheet=sheet,
        forward=f"{name}/forward.png",
        reverse=f"{name}/reverse.png",
    )


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    parts = [stand_in(name, out) for name in ("image", "audio", "video")]
    for part in parts:
        facts.save(part, out / part.modality / "facts.json")
        assert facts.load(out / part.modality / "facts.json") == part
    (out / "index.html").write_text(page(parts, 432.1, "2 CPU cores"))
    return out


class Links(HTMLParser):
    """Everything that the page refers to, and its tags in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.paths: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.paths += [value for key, value in attrs if key in ("src", "href", "poster") and value]
        if tag not in ("meta", "img", "line", "polyline", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_refers_only_to_files_beside_it(demo_folder: Path) -> None:
    text = (demo_folder / "index.html").read_text()
    links = Links(text)
    assert links.open == []  # every tag is closed, in order
    files = [path for path in links.paths if not path.startswith("#")]
    assert len(files) == COUNT + 2 * COUNT + 1 + 6  # pictures, sounds with pictures, one video, two strips each
    for path in files:
        assert (demo_folder / path).stat().st_size > 0
    assert not re.search(r"https?://|//[a-z]", text)
    assert text.count("<svg") == 3
    for words in ("autoplay loop muted playsinline", "1,234,567", "7 min 12 s", "recipe=demo_audio", "run=&lt;run&gt;"):
        assert words in text


def test_the_verdict_counts_what_the_checks_saw(demo_folder: Path) -> None:
    part = facts.load(demo_folder / "video" / "facts.json")
    assert part.verdict == f"{COUNT - 1} of {COUNT} movers move as asked"
    text = (demo_folder / "index.html").read_text()
    assert text.count(f"<b>{COUNT - 1} of {COUNT}</b>") == 3
    assert "000007.mp4 should move left: down" in text


def test_a_training_among_other_programs_says_so(demo_folder: Path) -> None:
    """On the card and in a line; not where cores were free, the training a matter of seconds, or nobody counted."""
    part = facts.load(demo_folder / "image" / "facts.json")
    assert "<dt>Had a core</dt><dd>93% of its time</dd>" in (demo_folder / "index.html").read_text()
    crowded = replace(part, had_a_core=0.41)
    assert crowded.crowded.startswith("image had a core for 41% of the time in which it could have run")
    assert crowded.crowded in unescape(page([crowded], 432.1, "2 CPU cores"))
    for other in (part, replace(crowded, training_seconds=12.0), replace(part, had_a_core=None)):
        assert other.crowded == ""


def test_noise_is_shown_at_the_spread_of_the_data() -> None:
    """x_t has the variance alpha² sigma_data² + sigma² for such data; shown, it has sigma_data at every time."""
    schedule = cosine()
    x0, eps = 0.3 * torch.randn(1, 100_000), torch.randn(1, 100_000)
    for t in torch.tensor([0.0, 0.3, 0.7, 1.0], dtype=torch.float64):
        state = State(t, schedule.alpha(t) * x0 + schedule.sigma(t) * eps)
        assert float(strips.visible(schedule, 0.3, state).std()) == pytest.approx(0.3, rel=0.02)


def test_curves_are_drawn_where_there_is_something_to_draw() -> None:
    assert "Too short" in curve([(1, 0.5)])
    assert "Too short" in curve([(1, float("nan")), (2, 0.1)])
    assert curve([(1, 0.5), (2, 0.5)]).count("polyline") == 2  # a flat line has a scale all the same
    assert curve([(1, 1.0), (10, 0.1), (100, 0.01)]).count("polyline") == 2


def test_durations_are_words() -> None:
    assert [duration(s) for s in (1.44, 43.2, 59.7, 432.1)] == ["1.4 s", "43 s", "1 min 0 s", "7 min 12 s"]


def test_the_command_line_and_the_folder_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "thesis.txt").write_text("not ours")
    assert demo.main([f"out={tmp_path}"]) == 2
    assert "thesis.txt" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()
    for words in (["minuts=3"], ["minutes=long"], ["n=0"], ["out"]):
        assert demo.main(words) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_an_earlier_demo_is_cleared(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    (out / "runs" / "image").mkdir(parents=True)
    (out / "index.html").write_text("old")
    demo.clear(out)
    assert not out.exists()
