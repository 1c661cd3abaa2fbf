"""The border between the tools and their user: what a tool raises becomes one line and an exit code.

    0 done · 2 the user's mistake, one line on stderr · 130 interrupted

Anything else that is raised is a mistake of ours and keeps its traceback; `TRIFUSE_DEBUG=1` shows all of them.
"""

import errno
import os
import sys
from collections.abc import Callable, Sequence

MISTAKE, INTERRUPTED = 2, 130


def run(tool: Callable[[list[str]], int], argv: Sequence[str], help: str = "") -> int:
    """The exit code of `tool(argv)`; `--help` anywhere prints `help` instead of running it."""
    arguments = list(argv)
    if any(word in ("-h", "--help", "help") for word in arguments):
        print(help.strip())
        return 0
    try:
        return tool(arguments)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # `trifuse recipes | head`: nobody reads on, which is no mistake
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        line = explanation(error)
        if line is None or os.environ.get("TRIFUSE_DEBUG") == "1":
            raise
        _say(f"error: {line}")
        return MISTAKE


def speaker(first: bool) -> Callable[[str], None]:
    """What tells the user a line as soon as it is known: of several processes the first alone does."""
    return (lambda line: print(line, flush=True)) if first else (lambda line: None)


def explanation(error: BaseException) -> str | None:
    """One line for an error that a user can mend, None for one that only we can."""
    if _disk_full(error):
        place = getattr(error, "filename", None)
        return "no space left on the disk" + (f" for {place}" if place else "")
    if isinstance(error, OSError):
        place = " and ".join(str(f) for f in (error.filename, error.filename2) if f)
        what = (error.strerror or str(error)).lower() if error.strerror else str(error)
        return _one_line(f"{place}: {what}" if place else what)
    if isinstance(error, (ValueError, MemoryError)):
        return _one_line(str(error) or "out of memory: lower train.batch")
    from torch import OutOfMemoryError

    from core.training.fit import NonFiniteLoss

    if isinstance(error, OutOfMemoryError):
        return "out of memory on the device: lower train.batch, raise train.accumulate, or set network.checkpoint=true"
    return _one_line(str(error)) if isinstance(error, NonFiniteLoss) else None


def _disk_full(error: BaseException) -> bool:
    """ENOSPC, or what safetensors and torch.save (to a path) make of it: errors of their own, known by their text."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(cause) for words in ("No space left on device", "iostream error")):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(line: str) -> None:
    rank = os.environ.get("RANK", "0")
    print(line if rank == "0" else f"[process {rank}] {line}", file=sys.stderr, flush=True)
