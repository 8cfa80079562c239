"""Running other programs: quietly with a log, for their output, or in front."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .console import Failure, step
from .paths import LOGS

Command = Sequence[str | os.PathLike[str]]
TAIL_LINES = 15


def guarded(
    command: Command, death_signal: signal.Signals = signal.SIGTERM
) -> list[str]:
    """The command, told to end when ./dev is killed, so that nothing is left behind."""
    setpriv = shutil.which("setpriv")
    guard = (
        [setpriv, "--pdeathsig", death_signal.name.removeprefix("SIG")]
        if setpriv
        else []
    )
    return [*guard, *map(os.fspath, command)]


def run_logged(
    title: str,
    command: Command,
    *,
    log: str,
    advice: str,
    progress: Callable[[str], str | None] = lambda line: None,
    stdin: str | None = None,
    environ: Mapping[str, str] | None = None,
    **options: Any,
) -> None:
    """Run a long command whose output only matters when it fails.

    The log of the last success is kept as ``log``; that of a failure under a name of
    its own, since another ./dev may be running the same command.
    ``progress`` turns a line of its output into a note for the person, or None.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}-{os.getpid()}.log"
    tail: list[str] = []
    with (
        path.open("w") as file,
        step(title) as set_note,
        subprocess.Popen(
            guarded(command),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environ,
            **options,
        ) as process,
    ):
        try:
            if stdin is not None:
                process.stdin.write(stdin)
                process.stdin.close()
            for line in process.stdout:
                file.write(line)
                if (note := progress(line)) is not None:
                    set_note(note)
                else:
                    tail = [*tail[1 - TAIL_LINES :], line]
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
        if code:
            raise Failure(
                f"Failed: {title} (exit status {code}).\n"
                + "".join(f"    {line.rstrip()}\n" for line in tail)
                + f"The whole output is in {path}.\n{advice}"
            )
    path.replace(LOGS / f"{log}.log")


def output_of(command: Command, **options: Any) -> str:
    """Standard output of a short command that is expected to succeed."""
    done = subprocess.run(
        guarded(command), capture_output=True, text=True, check=False, **options
    )
    if done.returncode:
        name = os.path.basename(command[0])
        raise Failure(f"{name} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(
    command: Command, *, environ: Mapping[str, str], **options: Any
) -> subprocess.Popen[Any]:
    """Start a program that ./dev signals itself, whoever else a Ctrl-C reaches."""
    return subprocess.Popen(
        guarded(command), env=environ, start_new_session=True, **options
    )


def run_in_front(
    command: Command,
    *,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    terminate_with: signal.Signals = signal.SIGTERM,
) -> int:
    """Run a program with our own standard streams; returns its exit status.

    It stays in the terminal's foreground group, so shells and debuggers work and
    the terminal's Ctrl-C reaches it directly; a signal sent to ./dev alone is
    passed on.
    """
    process = subprocess.Popen(guarded(command, terminate_with), env=environ, cwd=cwd)
    reached_by_terminal = os.isatty(0)

    def pass_on(signum: int, frame: object) -> None:
        if signum == signal.SIGINT and not reached_by_terminal:
            process.send_signal(signal.SIGINT)
        elif signum != signal.SIGINT:
            process.send_signal(terminate_with)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {signum: signal.signal(signum, pass_on) for signum in signals}
    try:
        code = process.wait()
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
    return 128 - code if code < 0 else code
