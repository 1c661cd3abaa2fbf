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
    """Four parts the last name, one part what stands before it: `lr` finds `optimizer.lr`, and two options of one group
    are not alike for the group's sake."""
    (front_a, _, end_a), (front_b, _, end_b) = a.rpartition("."), b.rpartition(".")
    end = _ratio(end_a, end_b)
    if min(len(end_a), len(end_b)) > 2 and (end_a.startswith(end_b) or end_b.startswith(end_a)):
        end = max(end, 0.85)
    return end if front_a == front_b == "" else 0.8 * end + 0.2 * _ratio(front_a, front_b)


def _ratio(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b).ratio()
