"""Ctrl-C and SIGTERM as a wish: the step in progress is finished and saved. A second Ctrl-C ends at once."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupt:
    """`with Interrupt() as interrupt:` sets `interrupt.asked` on a signal instead of raising; handlers are put back."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
