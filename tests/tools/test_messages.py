"""What a user is told, and the exit codes."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.training.fit import NonFiniteLoss
from tools import messages

ROOT = Path(__file__).resolve().parents[2]


def outcome(error: BaseException | None, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    def tool(argv: list[str]) -> int:
        if error is not None:
            raise error
        return 0

    code = messages.run(tool, ["a=b"])
    said = capsys.readouterr()
    assert said.out == ""
    return code, said.err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("n=0: must be above\n  zero"), "error: n=0: must be above zero\n"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"),
            "error: a/b: no such file or directory\n",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "error: a/b: permission denied\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "error: no space left on the disk for a/b\n"),
        (OSError("a message alone"), "error: a message alone\n"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "error: no space left on the disk\n"),
        (NonFiniteLoss("the loss of step 7 is nan"), "error: the loss of step 7 is nan\n"),
        (
            torch.OutOfMemoryError("CUDA out of memory"),
            "error: out of memory on the device: lower train.batch, raise train.accumulate, "
            "or set network.checkpoint=true\n",
        ),
    ],
)
def test_a_users_mistake_is_one_line_and_2(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIFUSE_DEBUG", raising=False)
    assert outcome(error, capsys) == (2, line)
    monkeypatch.setenv("TRIFUSE_DEBUG", "1")
    with pytest.raises(type(error)):
        outcome(error, capsys)


def test_a_full_disk_is_seen_through_the_error_that_hides_it(capsys: pytest.CaptureFixture[str]) -> None:
    error = RuntimeError("unexpected pos 64 vs 0")  # what torch.save raises while the OSError is its context
    error.__context__ = OSError(errno.ENOSPC, "No space left on device")
    assert outcome(error, capsys) == (2, "error: no space left on the disk\n")
    error.__context__ = RuntimeError("basic_ios::clear: iostream error")  # what stands there when it writes to a path
    assert outcome(error, capsys) == (2, "error: no space left on the disk\n")


def test_done_is_0_and_an_interrupt_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(None, capsys) == (0, "")
    assert outcome(KeyboardInterrupt(), capsys) == (130, "interrupted\n")


@pytest.mark.parametrize(
    "error", [TypeError("ours"), AssertionError("ours"), RuntimeError("ours"), ZeroDivisionError()]
)
def test_our_mistakes_keep_their_traceback(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(type(error)):
        outcome(error, capsys)


def test_under_torchrun_a_line_says_whose_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "3")
    assert outcome(ValueError("x"), capsys) == (2, "[process 3] error: x\n")


def test_help_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def tool(argv: list[str]) -> int:
        raise AssertionError

    for word in ("--help", "-h", "help"):
        assert messages.run(tool, ["a=b", word], "\nhow to use it\n") == 0
        assert capsys.readouterr().out == "how to use it\n"


def test_nobody_reads_on() -> None:
    """`trifuse recipes | head -1` ends without a word on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    work = subprocess.run(
        [sys.executable, "-m", "tools.cli", "recipes"], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert (work.returncode, work.stderr) == (0, "")
