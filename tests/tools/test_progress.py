"""What progress shows, on a clock that the test moves."""

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tools import progress
from tools.progress import Progress, clock

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Done(NamedTuple):
    step: int
    seconds: float


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(progress, "time", moved)
    return moved


def test_a_line_every_few_seconds_with_rate_loss_and_time_left(time: Clock) -> None:
    out = io.StringIO()
    with Progress(100, out=out, every=10.0) as bar:
        for step in range(1, 101):
            time.now += 0.5  # 2 steps a second
            bar.update(step, loss=torch.tensor(1 / step))
    assert out.getvalue().splitlines() == [
        "step 20/100 · loss 0.05 · 2 steps/s · 0:40 left",
        "step 40/100 · loss 0.025 · 2 steps/s · 0:30 left",
        "step 60/100 · loss 0.01667 · 2 steps/s · 0:20 left",
        "step 80/100 · loss 0.0125 · 2 steps/s · 0:10 left",
        "step 100/100 · loss 0.01 · 2 steps/s · 0:00 left",
    ]


def test_on_the_clock_the_time_left_is_the_clocks(time: Clock) -> None:
    bar = Progress(None, 2.0, start=Done(50, 30.0), out=io.StringIO())
    time.now += 20
    bar.update(55)
    assert bar.line() == "step 55 · 4 s/step · 1:10 left"  # 120 s, of which 30 s earlier and 20 s now are gone
    assert bar._share() == pytest.approx(50 / 120)


def test_of_two_limits_the_nearer_one_counts(time: Clock) -> None:
    bar = Progress(1000, 10.0, out=io.StringIO())
    time.now += 60
    bar.update(60)  # 940 s of steps are left, and 540 s of the clock
    assert bar.line().endswith("1 steps/s · 9:00 left")
    assert bar._share() == pytest.approx(0.1)
    bar.update(900)
    assert bar.line().endswith("0:07 left")
    assert bar._share() == pytest.approx(0.9)


def test_the_rate_follows_a_machine_that_becomes_slower(time: Clock) -> None:
    bar = Progress(None, 60.0, out=io.StringIO(), every=1.0)
    for step in range(1, 101):
        time.now += 0.1
        bar.update(step)
    assert "10 steps/s" in bar.line()
    for step in range(101, 151):
        time.now += 1.0
        bar.update(step)
    assert "1 steps/s" in bar.line()


def test_a_loss_on_a_device_is_read_only_when_a_line_is_written(time: Clock) -> None:
    class Loss:
        reads = 0

        def __float__(self) -> float:
            Loss.reads += 1
            return 0.5

    with Progress(1000, out=io.StringIO(), every=10.0) as bar:
        for step in range(1, 101):
            time.now += 0.3
            bar.update(step, loss=Loss())
    assert Loss.reads == 3  # after 10 s, after 20 s, and at the end


def test_quiet_shows_nothing(time: Clock, capfd: pytest.CaptureFixture[str]) -> None:
    with Progress(2, quiet=True) as bar:
        time.now += 100
        bar.update(1)
        bar.note("a note")
    assert capfd.readouterr() == ("", "")


def test_clock() -> None:
    assert [clock(s) for s in (0, 7.4, 59.6, 750, 11100)] == ["0:00", "0:07", "1:00", "12:30", "3:05:00"]


WORK = """
import time
from tools.progress import Progress
with Progress(50) as bar:
    for step in range(1, 51):
        time.sleep(0.01)
        bar.update(step, loss=1.0)
        if step == 25: bar.note("half way")
"""


@pytest.mark.parametrize("window", [(24, 90, 0, 0), (0, 0, 0, 0)])  # the second is one that does not know its size
def test_a_bar_on_a_terminal(window: tuple[int, ...]) -> None:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", *window))
    command = [sys.executable, "-c", WORK]
    environment = {**os.environ, "TERM": "xterm"}
    work = subprocess.Popen(command, cwd=ROOT, stdin=child, stdout=child, stderr=child, env=environment)
    os.close(child)
    shown = b""
    while True:
        try:
            part = os.read(parent, 4096)
        except OSError:  # how Linux says that the terminal's last user has gone
            break
        if not part:
            break
        shown += part
    assert work.wait() == 0
    text = shown.decode()
    assert "half way" in text
    assert text.count("\r") > 3  # drawn over itself
    assert "100%|" in text
    assert "| step 50/50 · loss 1 · " in text


def test_plain_lines_in_a_pipe() -> None:
    work = subprocess.run([sys.executable, "-c", WORK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert work.stderr == ""
    lines = work.stdout.splitlines()
    assert lines[0] == "half way"
    assert lines[1].startswith("step 50/50 · loss 1 · ")
    assert "\r" not in work.stdout
