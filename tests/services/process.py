"""Starting and stopping a server that must not outlive the tests."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_user(name: str) -> dict[str, Any]:
    """Arguments of ``subprocess`` that drop root for the server's own user; none when we are not root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(name)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def folder(prefix: str, user: str) -> Iterator[Path]:
    """A temporary folder of the server's user. Short, since unix sockets allow 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    path.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _die_with_parent() -> None:
    """A killed test process takes its servers along: SIGINT is PostgreSQL's fast stop."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    ready: Callable[[], bool],
    *,
    stop: signal.Signals = signal.SIGTERM,
    timeout: float = 120,
    **options: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is ready; stopped afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509
            **options,
        )
    try:
        _wait(process, ready, log, timeout)
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, timeout: float) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if process.poll() is not None:
            message = f"the server ended with {process.returncode}: {log.read_text(errors='replace')[-2000:]}"
            raise RuntimeError(message)
        if ready():
            return
        time.sleep(0.05)
    message = f"the server was not ready in {timeout} s: {log.read_text(errors='replace')[-2000:]}"
    raise TimeoutError(message)
