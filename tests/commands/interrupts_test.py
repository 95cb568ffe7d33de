"""SIGINT and SIGTERM end commands at once, in one line; no worker outlives its parent, however that ends."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

COMMAND = textwrap.dedent(
    """
    import time

    def job(number):
        print("working", flush=True)
        time.sleep(300)

    def main(_arguments):
        from dualatme_keras.workers import ProcessExecutor

        list(ProcessExecutor(2).run(lambda: job, range(2)))

    if __name__ == "__main__":
        from dualatme_keras.commands import Flags

        Flags("waits", continues=True).run(main)
    """
)


@pytest.fixture
def started(tmp_path):
    """A command whose two workers are at work, and all processes below it."""
    script = tmp_path / "waits.py"
    script.write_text(COMMAND)
    command = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert [command.stdout.readline() for _ in range(2)] == ["working\n"] * 2
    below = psutil.Process(command.pid).children(recursive=True)
    assert len(below) >= 2
    yield command, below
    command.kill()
    for process in below:
        if process.is_running():
            process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_and_its_workers(number, code, started):
    command, below = started
    begun = time.monotonic()
    command.send_signal(number)
    _, told = command.communicate(timeout=60)
    assert time.monotonic() - begun < 10
    assert (command.returncode, told) == (code, "\nstopped; the same command goes on\n")
    _gone, alive = psutil.wait_procs(below, timeout=5)
    assert not alive
    assert not list(Path("/dev/shm").glob(f"*-{command.pid}-*"))  # semaphores of Linux


def test_what_begins_anew_is_not_told_to_go_on():
    """A command may find that out while it is at work."""
    script = """
import time
from dualatme_keras.commands import Flags

flags = Flags("waits", continues=True)

def main(_arguments):
    flags.continues = False
    print("working", flush=True)
    time.sleep(300)

flags.run(main)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout.readline() == "working\n"
        command.terminate()
        assert command.communicate(timeout=60)[1] == "\nstopped\n"


def test_workers_end_with_a_parent_that_is_killed(started):
    command, below = started
    command.kill()
    _gone, alive = psutil.wait_procs(below, timeout=10)
    assert not alive
