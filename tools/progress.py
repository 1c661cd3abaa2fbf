"""How far long work has come: a bar on a terminal, plain lines where the output goes to a file or a pipe.

    with Progress(steps=3000, minutes=None) as progress:
        for ...: progress.update(step, loss=loss)

Work ends on a count, on the clock, or on the first of the two; the bar shows the share of whichever is nearer its end.
"""

import os
import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self, SupportsFloat, TextIO

REDRAW, PLAIN = 0.2, 10.0
"""Seconds between drawings of the bar, and between plain lines."""

WINDOW = 20.0
"""Seconds over which the rate is averaged, so that it follows a machine that becomes slower."""


class Done(Protocol):
    """What had been done before this sitting; `tools.checkpoint.Counters` is one."""

    @property
    def step(self) -> int: ...

    @property
    def seconds(self) -> float: ...


class Progress:
    """`steps`, `minutes`: the limits, None where there is none. `start`: done before, which counts towards both.

    The bar goes to stderr if both it and stdout are terminals; otherwise lines go to stdout. `quiet` shows nothing.
    """

    def __init__(
        self,
        steps: int | None,
        minutes: float | None = None,
        *,
        start: Done | None = None,
        unit: str = "step",
        quiet: bool = False,
        every: float = PLAIN,
        out: TextIO | None = None,
    ) -> None:
        self.steps, self.seconds = steps, None if minutes is None else 60 * minutes
        self.unit, self.quiet, self.every = unit, quiet, every
        self.out = out or sys.stdout
        self.step = start.step if start else 0
        self.before = start.seconds if start else 0.0
        self.loss: SupportsFloat | None = None
        self.opened = self.drawn = time.monotonic()
        self.shown = self.step  # nothing is drawn of work that was refused before it began
        self.marks = [(self.opened, self.step)]
        self.bar = None if quiet or out or not (sys.stderr.isatty() and sys.stdout.isatty()) else _tqdm()

    def update(self, step: int, *, loss: SupportsFloat | None = None) -> None:
        """`step` steps are done in all. `loss` may be a tensor on a GPU: it is read only when something is drawn."""
        self.step, self.loss = step, loss
        now = time.monotonic()
        if not self.quiet and now - self.drawn >= (self.every if self.bar is None else REDRAW):
            self._draw(now)

    def note(self, line: str) -> None:
        """A line that stays, above the bar."""
        if self.bar is not None:
            self.bar.clear()
            print(line, file=self.out, flush=True)
            self.bar.refresh()
        elif not self.quiet:
            print(line, file=self.out, flush=True)

    def line(self) -> str:
        """«step 120/3000 · loss 0.0312 · 9.5 steps/s · 5:03 left»."""
        of = "" if self.steps is None else f"/{self.steps}"
        parts = [f"{self.unit} {self.step}{of}"]
        if self.loss is not None:
            parts.append(f"loss {float(self.loss):.4g}")
        rate = self._rate()
        if rate > 0:
            parts.append(f"{rate:.3g} {self.unit}s/s" if rate >= 1 else f"{1 / rate:.3g} s/{self.unit}")
        left = self._left(rate)
        return " · ".join(parts if left is None else [*parts, f"{clock(left)} left"])

    def close(self) -> None:
        """Draw the last state and leave it on the screen."""
        if not self.quiet and self.shown != self.step:
            self._draw(time.monotonic())
        if self.bar is not None:
            self.bar.close()
        self.quiet = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _draw(self, now: float) -> None:
        self.drawn, self.shown = now, self.step
        self.marks = [m for m in self.marks if now - m[0] <= WINDOW] or self.marks[-1:]
        line = self.line()
        self.marks.append((now, self.step))
        if self.bar is None:
            print(line, file=self.out, flush=True)
        else:
            self.bar.n = self._share() * self.bar.total
            self.bar.set_description_str(line, refresh=False)
            self.bar.refresh()

    def _elapsed(self) -> float:
        return self.before + time.monotonic() - self.opened

    def _share(self) -> float:
        by_steps = self.step / self.steps if self.steps else 0.0
        by_clock = self._elapsed() / self.seconds if self.seconds else 0.0
        return min(1.0, max(by_steps, by_clock))

    def _rate(self) -> float:
        then, step = self.marks[0]
        return (self.step - step) / max(time.monotonic() - then, 1e-9)

    def _left(self, rate: float) -> float | None:
        ends = [] if self.seconds is None else [self.seconds - self._elapsed()]
        if self.steps is not None and rate > 0:
            ends.append((self.steps - self.step) / rate)
        return max(0.0, min(ends)) if ends else None


def clock(seconds: float) -> str:
    """«0:07», «12:30», «3:05:00»."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def _tqdm() -> Any:
    from tqdm import tqdm

    known = os.get_terminal_size(sys.stderr.fileno()).columns > 0  # where it is not, tqdm would draw nothing
    width = {"dynamic_ncols": True} if known else {"ncols": 80, "nrows": 24}
    return tqdm(total=1000, bar_format="{percentage:3.0f}%|{bar}| {desc}", file=sys.stderr, **width)
