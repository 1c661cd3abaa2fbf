"""Which solver a model gets where the command line names none: measured by benchmarks/editing.py.

Pictures and clips: `pigdm`, whose derivative of the denoiser tells what is hidden of what is seen. The derivative of a
model of sounds, of thousands of numbers whose phases are anyone's guess, is mostly error, and what follows it goes
astray; through a view (a spectrogram, an autoencoder) it would be of another operator. So there: `diffpir`, which takes
none, with half of the noise drawn anew in each step.
"""

from tools.editing.space import Space
from tools.schema import Options

SETTINGS = ("sampler=sa_solver", "sampler.steps=50")
"""What a task that solves sets of the sampler. Draws have to spread as the posterior does: on Gaussian data 50 steps of
`sa_solver` have 98 to 102 % of its variance, those of `ddpm` 68 to 81 % (tests/tools/test_edit_tasks.py)."""


def solver(media: str, space: Space) -> Options:
    """Name and options of the solver for a kind of media."""
    if media == "audio" or space.signal is not None:
        return {"name": "diffpir", "zeta": 0.5}
    return {"name": "pigdm"}
