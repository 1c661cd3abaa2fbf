"""The feature network of an evaluation: the classifier, taught once per data set and kept, or one from a file.

~/.cache/trifuse/features/<fingerprint of the data>.safetensors        TRIFUSE_CACHE names another place
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from core.training.distributed import World
from modalities.data.example import Source
from modalities.features import classifier, learning, pretext
from modalities.features.classifier import Classifier
from modalities.features.network import FeatureNetwork
from modalities.features.views import View, view_of
from modalities.modality import Modality
from modalities.writing import atomic
from tools.evaluation import stream

EXAMPLES = {2: 20_000, 3: 4_000}
"""Examples that a classifier is taught from, at most, by the rank of its maps."""

BYTES = 1 << 28
"""Of their maps in memory, at most."""

PROBES = 64
"""Examples whose content goes into the fingerprint."""


def taught(
    media: Modality,
    source: Source,
    items: Sequence[int],
    *,
    name: str,
    world: World | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Classifier:
    """The classifier of these data, from the cache or taught now, on the device of `world`.

    items: the examples that it may learn from. Raises ValueError where there are too few to learn anything from.
    """
    if len(items) < 16:
        raise ValueError(f"{len(items)} examples are too few to teach a feature network: 32 real ones at least")
    device = world.device if world else torch.device("cpu")
    path = cache() / f"{fingerprint(media, source, items)}.safetensors"
    if world is not None and not world.first:
        world.barrier()  # the first process teaches and writes
    if (found := read(path)) is None:
        found = _teach(media, source, items, name, say)
        try:
            write(found, path)
        except OSError as error:
            say(f"the feature network could not be kept: {error}")
    if world is not None and world.first:
        world.barrier()
    return found.to(device).eval().requires_grad_(False)


def _teach(media: Modality, source: Source, items: Sequence[int], name: str, say: Callable[[str], None]) -> Classifier:
    view = view_of(media)
    count = min(len(items), EXAMPLES[view.rank])
    maps, labels, held = [], [], 0
    say(f"teaching a feature network from {count} examples, once")
    for part in stream.real(media, source, items[:count]):
        maps.append(view(part.media).half())
        labels.append(part.labels)
        held += maps[-1].numel() * 2
        if held > BYTES:
            break
    x, known = torch.cat(maps), torch.cat(labels)
    return learning.learn(view, x, known, tuple(source.classes), name=f"classifier of {name}")


def fingerprint(media: Modality, source: Source, items: Sequence[int]) -> str:
    """Of what the classifier is taught from: size and classes, some of the content, the view, and the teaching."""
    view: View = view_of(media)
    teaching = (learning.STEPS, learning.BATCH, learning.RATE, learning.SMOOTHING, learning.SHIFT, EXAMPLES, BYTES)
    network = (classifier.WIDTHS, classifier.FEATURES, pretext.KINDS, pretext.NOISE)
    digest = hashlib.blake2b(digest_size=8)
    digest.update(repr((VERSION, view, len(source), source.classes, len(items), teaching, network)).encode())
    spread = [items[i * len(items) // PROBES] for i in range(min(PROBES, len(items)))]
    for part in stream.real(media, source, spread, workers=0):
        digest.update(part.media.contiguous().numpy().tobytes() + part.labels.numpy().tobytes())
    return digest.hexdigest()


VERSION = 2
"""Of the classifier's code: another one makes other networks of the same data."""


def cache() -> Path:
    """The folder of taught networks."""
    place = os.environ.get("TRIFUSE_CACHE")
    base = Path(place) if place else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trifuse"
    return base.expanduser() / "features"


def write(network: Classifier, path: Path) -> None:
    """A network as one safetensors file, its settings in the header."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with atomic(path) as draft:
        save_file(tensors, draft, metadata={"format": "pt", "trifuse": json.dumps(network.settings)})


def read(path: Path) -> Classifier | None:
    """The network in a file of `write`; None where there is no file. Raises ValueError where it is another one."""
    from safetensors import safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            settings = json.loads((file.metadata() or {})["trifuse"])
            network = Classifier.of(settings)
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except Exception as error:  # safetensors has an error class of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is not a feature network of this suite: {reason}") from None
    return network.eval().requires_grad_(False)


def chosen(
    features: str,
    media: Modality,
    source: Source,
    items: Sequence[int],
    *,
    name: str,
    weights: str | None = None,
    options: dict | None = None,
    world: World | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> FeatureNetwork:
    """The network that `features` names: classifier, inception, or the path of a file."""
    device = world.device if world else torch.device("cpu")
    if features == "classifier":
        return taught(media, source, items, name=name, world=world, say=say)
    if features == "inception":
        from modalities.features.inception import Inception

        return Inception(media, weights).to(device)
    path = Path(features).expanduser()
    if not path.is_file():
        raise ValueError(f"features={features}: choose classifier, inception, or the path of a network's file")
    if path.suffix == ".safetensors":
        found = read(path)
        assert found is not None
        if found.view != view_of(media):
            raise ValueError(f"features={features} looks at {found.view}, these media are {view_of(media)}")
        channels = view_of(media)(media.decode(torch.zeros(1, *media.event_shape))).shape[1]
        if found.channels != channels:
            raise ValueError(f"features={features} looks at {found.channels} channels, these media have {channels}")
        if found.labels is not None and found.classes != tuple(source.classes):
            raise ValueError(f"features={features} knows other classes than the data: {', '.join(found.classes)}")
        return found.to(device)
    from modalities.features.file import FileNetwork

    return FileNetwork(media, path, options or {}).to(device)
