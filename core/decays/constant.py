"""No decay."""


def constant(progress: float) -> float:
    return 1.0
