"""One modality of the demo, in a process of its own so that its memory ends with it: train, sample, draw, check.

    python tools/demonstration/part.py modality=image out=out/demo minutes=1.6 n=40

Leaves out/demo/runs/<modality> (the run), out/demo/<modality> (samples, sheet, manifest) and, beside them, pictures of
both processes and `<modality>/facts.json` for the page.
"""

import json
import resource
import sys
import time
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # run as a script: the parts lie beside this folder

import torch

from modalities.data.batch import Batch
from modalities.modality import Modality
from tools import build, checkpoint, messages, run_folder, sample, train
from tools import recipe as recipes
from tools.demonstration import facts, strips
from tools.demonstration.facts import Facts
from tools.demonstration.show import fact, show
from tools.restored import restored
from tools.sampling import plan, states
from tools.schema import Recipe

EXAMPLE = {"image": 3, "audio": 2, "video": 1}
"""Which example of the embedded data the forward process is shown on: a star, a saw, a shape that moves right."""


def main(argv: list[str] | None = None) -> int:
    return messages.run(part, sys.argv[1:] if argv is None else argv, help=__doc__ or "")


def part(argv: list[str]) -> int:
    given = dict(word.partition("=")[::2] for word in argv)
    modality, out, minutes, n = given["modality"], Path(given["out"]), float(given["minutes"]), int(given["n"])
    run, samples = out / "runs" / modality, out / modality
    training = [f"recipe=demo_{modality}", f"run={run}", f"train.minutes={minutes:g}"]
    sampling = [f"run={run}", f"n={n}", f"out={samples}"]
    code = train.main(training)
    if code:
        return code
    had, began = share_of_a_core(), time.monotonic()
    code = sample.main(sampling)
    if code:
        return code
    sampled = time.monotonic() - began
    commands = [f"python tools/train.py {' '.join(training)}", f"python tools/sample.py {' '.join(sampling)}"]
    found = measured(modality, out, sampled, had, commands)
    facts.save(found, samples / "facts.json")
    print(f"{modality}: {found.verdict}", flush=True)
    return 0


def share_of_a_core() -> float | None:
    """Of the time in which the threads of this process were ready to run, the share in which they ran; None where the
    system does not count it. Linux does, in nanoseconds: time on a core, time waiting for one."""
    counts = [path.read_text().split() for path in Path("/proc/self/task").glob("*/schedstat")]
    ran, waited = (sum(int(count[i]) for count in counts) for i in (0, 1))
    return ran / (ran + waited) if ran else None


def measured(modality: str, out: Path, sampling_seconds: float, had: float | None, commands: list[str]) -> Facts:
    """Draw both processes, check every sample, and collect the numbers of one trained and sampled modality."""
    run, folder = out / "runs" / modality, out / modality
    newest = checkpoint.latest(run)
    assert newest is not None, "training ends with a checkpoint"
    recipe = recipes.overlay(recipes.read(newest / "recipe.yaml"), [f"run={run}"])
    media = build.modality(recipe)
    processes(recipe, media, newest, folder)
    with (folder / "manifest.jsonl").open() as file:
        lines = [json.loads(line) for line in file]
    lines.sort(key=lambda line: (line["label"], line["file"]))  # class by class
    samples, sheet = show(media, out, [fact(media, out, folder / line["file"], line["class"]) for line in lines])
    log = run_folder.read_log(run)
    tensors = checkpoint.weights(newest, "ema")
    counters, _ = checkpoint.training_state(newest)
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Facts(
        modality=modality,
        event=described(media),
        parameters=sum(tensor.numel() for tensor in tensors.values()),
        steps=counters.step,
        training_seconds=counters.seconds,
        had_a_core=had,
        sampling_seconds=sampling_seconds,
        peak_mib=(own + children) / 1024,
        sampler=f"{recipe.sampler.name} {recipe.sampler.steps}, guidance {recipe.guidance.scale:g}",
        commands=commands,
        losses=[(line["step"], line["loss"]) for line in log],
        samples=samples,
        sheet=sheet,
        forward=f"{modality}/forward.png",
        reverse=f"{modality}/reverse.png",
    )


@torch.inference_mode()
def processes(recipe: Recipe, media: Modality, newest: Path, folder: Path) -> None:
    """`forward.png`: an example of the data, diffused; `reverse.png`: the first sample, from noise to clean."""
    device = build.device(recipe.device)
    denoiser = restored(recipe, media, newest, device)
    sigma_data = recipe.denoiser.sigma_data
    assert sigma_data is not None, "a stored recipe is measured"
    example = media.source(None, recipe.data.split).read(EXAMPLE[media.name], torch.Generator())
    x0 = media.encode(media.prepare(Batch.of([example]), None))[0]
    strips.forward(media, denoiser.schedule, sigma_data, x0, recipe.seed, folder / "forward.png")
    way = list(states(recipe, denoiser, media, plan(recipe, media)[:1]))
    strips.reverse(media, denoiser.schedule, sigma_data, way, folder / "reverse.png")


def described(media: Modality) -> str:
    """«3 × 32 × 32»."""
    return " × ".join(str(side) for side in media.event_shape)


if __name__ == "__main__":
    sys.exit(main())
