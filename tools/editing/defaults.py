"""Which solver a model gets where the command line names none: measured by benchmarks/editing.py.

Pictures and clips: `pigdm`, whose derivative of the denoiser tells what is hidden of what is seen. The derivative of a
model of sounds, of thousands of numbers whose phases are anyone's guess, is mostly error, and what follows it goes
astray; through a view (a spectrogram, an autoencoder) it would be of another operator. So there: `diffpir`, which takes
none, with half of the noise drawn anew in each step.
"""

from tools.editing.space import Space
from tools.schema import Options

SETTINGS = ("sampler=ddpm", "sampler.steps=50")
"""What a task that solves sets of the sampler: steps that draw noise forget what an earlier one got wrong."""


def solver(media: str, space: Space) -> Options:
    """Name and options of the solver for a kind of media."""
    if media == "audio" or space.signal is not None:
        return {"name": "diffpir", "zeta": 0.5}
    return {"name": "pigdm"}
