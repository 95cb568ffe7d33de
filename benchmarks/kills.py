"""Kills a command at random moments until it has been killed often enough, and compares what it leaves.

    python benchmarks/kills.py --kills=30 --folder=/tmp/kills -- \
        dualatme-train --lists=LISTS --data_root=IMAGES --preset=facs --workdir={}

The command runs undisturbed first, in a folder that stands where it says {}. Then it is started in another
folder, is sent SIGKILL, SIGTERM or SIGINT in turn after a random part of the time that it took, is started
again with the same words, and so on; a run that ends is followed by one in a new folder. Every finished
folder must hold the same files, byte for byte. Nothing that a killed command started may live 10 s later.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from absl import app, flags

_KILLS = flags.DEFINE_integer("kills", 30, "how often it is killed", lower_bound=1)
_SIGNALS = flags.DEFINE_list("signals", ["KILL", "TERM", "INT"], "sent in turn")
_FILES = flags.DEFINE_string("files", "**/*.csv", "pattern of the files that are compared")
_FOLDER = flags.DEFINE_string("folder", None, "where the runs lie; default: a temporary one")
_SEED = flags.DEFINE_integer("seed", 1, "of the moments")

_EXIT = {"KILL": -9, "TERM": 143, "INT": 130}


def kill_and_compare(command, kills, signals, files, folder, seed=1, tell=print) -> dict:
    """Returns counts: kills by signal, finished folders, those that differ, processes that outlived their
    command, exit codes that are none of a signal's, and the slowest end in seconds."""
    rng = random.Random(seed)
    begun = time.monotonic()
    subprocess.run(_in(command, folder / "undisturbed"), check=True, capture_output=True)
    seconds = time.monotonic() - begun
    expected = _contents(folder / "undisturbed", files)
    tell(f"undisturbed: {seconds:.1f} s, {len(expected)} files")
    counts = {"killed": dict.fromkeys(signals, 0), "finished": 0, "different": 0, "orphans": 0, "codes": []}
    counts |= {"slowest_end": 0.0}
    number, since = 0, 0
    while sum(counts["killed"].values()) < kills or since:
        done = sum(counts["killed"].values())
        place = folder / f"killed_{number}"
        with subprocess.Popen(
            _in(command, place), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                # Once it has been killed often enough, it is let to its end.
                _, told = process.communicate(timeout=rng.uniform(0, seconds) if done < kills else None)
            except subprocess.TimeoutExpired:
                name = signals[done % len(signals)]
                below = psutil.Process(process.pid).children(recursive=True)
                sent = time.monotonic()
                process.send_signal(getattr(signal, f"SIG{name}"))
                _, told = process.communicate()
                counts["slowest_end"] = max(counts["slowest_end"], time.monotonic() - sent)
                since += 1
                counts["killed"][name] += 1
                counts["orphans"] += len(psutil.wait_procs(below, timeout=10)[1])
                # Before it listens to signals, Python itself ends with one; or it had just finished.
                if process.returncode not in (0, _EXIT[name], -getattr(signal, f"SIG{name}")):
                    counts["codes"].append((name, process.returncode, told[-300:]))
                tell(f"{done + 1:>3} {name:<4} exit {process.returncode}")
                if process.returncode:
                    continue
        if process.returncode:
            raise SystemExit(f"{place}: exit {process.returncode}: {told[-2000:]}")
        same = _contents(place, files) == expected
        counts["finished"] += 1
        counts["different"] += not same
        tell(f"    finished after {since} kills: {'the same' if same else 'DIFFERENT'}")
        number, since = number + 1, 0
    return counts


def _in(command, place):
    return [word.replace("{}", str(place)) for word in command]


def _contents(place, files):
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.glob(files))}


def main(arguments):
    command = arguments[1:]
    if not any("{}" in word for word in command):
        raise SystemExit("Expected a command with {} where its folder stands, after --.")
    if command[0].endswith(".py"):
        command = [sys.executable, *command]
    folder = Path(_FOLDER.value or tempfile.mkdtemp())
    try:
        counts = kill_and_compare(
            command, _KILLS.value, _SIGNALS.value, _FILES.value, folder, _SEED.value, _tell
        )
    finally:
        if not _FOLDER.value:
            shutil.rmtree(folder)
    print(counts)
    sys.exit(bool(counts["different"] or counts["orphans"] or counts["codes"]))


def _tell(line):
    print(line, flush=True)


if __name__ == "__main__":
    app.run(main)
