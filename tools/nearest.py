"""The name that was probably meant, for error messages."""

import difflib
from collections.abc import Iterable


def hint(name: str, known: Iterable[str]) -> str:
    """«: did you mean train.steps?», or nothing where no name is near. Dotted names are also compared by their end."""
    best = max(((_likeness(name, k), k) for k in known), default=(0.0, ""))
    return f": did you mean {best[1]}?" if best[0] >= 0.6 else ""


def unknown(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """«unknown sampler 'huen': did you mean heun? (ddim, ddpm, euler, heun)»."""
    names = sorted(known)
    guess = hint(str(name), names)
    return ValueError(f"unknown {kind} {str(name)!r}{guess} ({', '.join(names) or 'there is none'})")


def _likeness(a: str, b: str) -> float:
    """1 for equal names; an equal last part counts nearly as much, so that `lr` finds `optimizer.lr`."""
    whole = difflib.SequenceMatcher(None, a, b).ratio()
    if "." not in a + b:
        return whole
    end_a, end_b = a.rpartition(".")[2], b.rpartition(".")[2]
    return max(whole, 0.9 * difflib.SequenceMatcher(None, end_a, end_b).ratio() + 0.1 * whole)
