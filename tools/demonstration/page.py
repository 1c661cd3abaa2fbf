"""The demo's page: one `index.html` that shows what was made, with paths relative to it and nothing from elsewhere."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from tools.demonstration.curve import curve
from tools.demonstration.facts import Facts, SampleFact
from tools.pages.document import document, media

ABOUT = {
    "image": "Coloured shapes on dark grounds. The class is the shape; colour, size and place are free.",
    "audio": "Tones from A3 to A5. The class is the waveform; pitch and decay are free.",
    "video": "Shapes that cross the picture. The class is the direction; shape, colour, size and speed are free.",
}


def page(parts: Sequence[Facts], seconds: float, machine: str) -> str:
    """The whole page. `seconds`: wall clock of everything; `machine`: what it ran on, in words."""
    links = "".join(f'<a href="#{part.modality}">{part.modality}</a>' for part in parts)
    cards = "".join(card(part) for part in parts)
    sections = "".join(section(part) for part in parts)
    return document(
        "Trifuse demo",
        "<h1>Trifuse demo</h1>\n"
        "<p>One diffusion core, trained from nothing on three kinds of media, then asked for every class. All of it "
        f"was made in {duration(seconds)} on {escape(machine)}.</p>\n<nav>{links}</nav>\n"
        f'<div class="cards">{cards}</div>\n{sections}',
    )


def card(part: Facts) -> str:
    """The numbers of one modality: how many samples are right, the loss curve, size, time and memory."""
    numbers = {
        "Parameters": f"{part.parameters:,}",
        "One example": part.event,
        "Training": f"{part.steps:,} steps in {duration(part.training_seconds)}",
        "Had a core": "-" if part.had_a_core is None else f"{part.had_a_core:.0%} of its time",
        "Sampling": f"{len(part.samples)} in {duration(part.sampling_seconds)}",
        "Sampler": part.sampler,
        "Peak memory": f"{part.peak_mib:,.0f} MiB",
    }
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in numbers.items())
    count, _, rest = part.verdict.partition(f" of {len(part.samples)} ")
    return (
        f'<div class="card"><h3>{part.modality}</h3>'
        f'<p class="verdict"><b>{count} of {len(part.samples)}</b> {escape(rest)}</p>'
        f"{curve(part.losses)}<dl>{rows}</dl>{f'<p>{escape(part.crowded)}</p>' if part.crowded else ''}</div>\n"
    )


def section(part: Facts) -> str:
    """The samples of one modality, its two processes, and the commands that make them again."""
    show = {"image": pictures, "audio": sounds, "video": clips}[part.modality]
    commands = "\n".join(escape(command) for command in part.commands)
    return (
        f'<section id="{part.modality}">\n<h2>{part.modality.capitalize()}</h2>\n<p>{ABOUT[part.modality]}</p>\n'
        f"{show(part)}\n"
        f"<h3>Forward: an example of the data, diffused until only noise is left</h3>\n{medium(part.forward)}\n"
        f"<h3>Reverse: a sample, from noise to clean</h3>\n{medium(part.reverse)}\n"
        f"<h3>Make it again</h3>\n<pre>{commands}</pre>\n</section>\n"
    )


def pictures(part: Facts) -> str:
    return '<div class="pictures">' + "".join(
        f"<figure>{medium(sample.file, sample.asked)}{caption(sample, short=True)}</figure>" for sample in part.samples
    ) + "</div>"  # fmt: skip


def sounds(part: Facts) -> str:
    shown = [sample for sample in part.samples if sample.picture]
    left = len(part.samples) - len(shown)
    rest = f'<p class="quiet">{left} more are in {part.modality}/.</p>' if left else ""
    return '<div class="sounds">' + "".join(
        f'<figure>{medium(sample.picture, "waveform and spectrogram")}'
        f"{medium(sample.file)}{caption(sample)}</figure>"
        for sample in shown
    ) + f"</div>{rest}"  # fmt: skip


def clips(part: Facts) -> str:
    wrong = [sample for sample in part.samples if not sample.right]
    listed = "; ".join(f"{Path(s.file).name} should move {s.asked}: {s.seen}, {s.note}" for s in wrong)
    note = f'<p class="quiet">Not as asked: {escape(listed)}.</p>' if wrong else ""
    return f"{medium(part.sheet)}{note}"


def caption(sample: SampleFact, *, short: bool = False) -> str:
    """The class asked for and what the check measured; a sample that failed it says so."""
    wrong = "" if sample.right else f' <span class="wrong">{escape(sample.seen)}</span>'
    note = "" if short else f" · {escape(sample.note)}"
    return f'<figcaption title="{escape(sample.note)}"><b>{escape(sample.asked)}</b>{wrong}{note}</figcaption>'


def medium(path: str, alt: str = "") -> str:
    return media(path, Path(path).suffix, alt)


def duration(seconds: float) -> str:
    """«7 min 12 s», «43 s», «1.4 s»."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
