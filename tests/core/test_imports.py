"""`core` in an interpreter that has nothing but torch."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torchvision", "torchaudio", "diffusers", "librosa", "soundfile", "av", "omegaconf",
                                  "safetensors", "PIL", "pyarrow", "matplotlib", "tqdm", "scipy"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import torch
before, state, dtype = set(sys.modules), torch.get_rng_state(), torch.get_default_dtype()

import core
for module in pkgutil.walk_packages(core.__path__, "core."):
    importlib.import_module(module.name)
added = {m.split(".")[0] for m in set(sys.modules) - before}
print("beyond torch:", sorted(added - {"core"} - sys.stdlib_module_names))
print("generator and dtype:", torch.equal(state, torch.get_rng_state()), dtype == torch.get_default_dtype())

from core.sampling import last, prior
from core.discover import build
schedule = build("core.schedules", "edm")
times = build("core.grids", "karras")(schedule, 4)
x = last(build("core.samplers", "heun")(lambda x, t: 0 * x + 0.5, schedule, prior(schedule, torch.ones(2)), times))
print("samples:", x.tolist())
"""


def test_core_needs_torch_alone():
    """Nothing beyond torch and the standard library is loaded (counted in modules, not in seconds), nothing draws or
    changes the default dtype at import, a sampler runs, and torch's own deprecations stay off the user's screen."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["beyond torch: []", "generator and dtype: True True", "samples: [0.5, 0.5]"]
