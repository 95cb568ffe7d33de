"""Gives everything that reads files of strangers changed files, and counts what comes of them.

    python benchmarks/fuzz.py --folder=/dev/shm/fuzz
    python benchmarks/fuzz.py --targets=video,image --scale=10

The first tries as many files of each kind as `tests/hostile/targets.py` says, the second ten times as many
of two. Atheris looks for files that reach new lines of `dualatme_keras`. Half of the changes are those of
`tests/hostile/mutations.py`, which stay within the form of a file, half are its own. Each target has a
process of its own, so that one which native code brings down is counted; it begins again with other changes.
What fails is kept as a file in FOLDER/failures, and makes the exit code 1:

- an exception other than `DualATMEError`; a write or removal outside the folder, a program started, a
  network asked;
- a file that takes more than 5 s of the processor's time (30 s of the clock, beside others), or more than a
  GiB beyond what the valid files took;
- a process that died.
"""

import mmap
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from absl import app, flags

_TARGETS = flags.DEFINE_list("targets", [], "which, or how their names begin; all by default")
_SCALE = flags.DEFINE_float("scale", 1.0, "times the number of cases", lower_bound=0.0)
_SEED = flags.DEFINE_integer("seed", 1, "of the changes")
_FOLDER = flags.DEFINE_string("folder", None, "for files; default: a temporary one")
_ONE = flags.DEFINE_string("one", None, "for itself: the target of this process")
_CASES = flags.DEFINE_integer("cases", 0, "for itself: cases of this process")

_RESTARTS = 10
"""How often a target whose process dies is begun again."""

_CLOCK = 30
_COUNTS = struct.Struct("qqqqddd")
"""Cases, accepted, refused, failed; slowest in seconds, memory before and at most in bytes."""


def main(_arguments):
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "hostile"))
    if _ONE.value:
        _fuzz(_ONE.value, _CASES.value, Path(_FOLDER.value))
        return
    from targets import TARGETS

    chosen = [
        name for name in TARGETS if not _TARGETS.value or any(name.startswith(one) for one in _TARGETS.value)
    ]
    folder = Path(_FOLDER.value or tempfile.mkdtemp())
    (folder / "failures").mkdir(parents=True, exist_ok=True)
    print(
        f"{'target':<22}{'cases':>8}{'read':>8}{'refused':>9}{'failed':>8}{'slowest':>10}{'memory':>10}{'died':>6}"
    )
    totals, bad = [0, 0, 0, 0], 0
    for name in chosen:
        cases = max(1, round(TARGETS[name].cases * _SCALE.value))
        counts, died = _run(name, cases, folder)
        totals = [sum(pair) for pair in zip(totals, counts[:4], strict=True)]
        bad += counts[3] + died
        memory = (counts[6] - counts[5]) / 2**20
        print(
            f"{name:<22}{counts[0]:>8}{counts[1]:>8}{counts[2]:>9}{counts[3]:>8}{counts[4]:>8.2f} s"
            f"{memory:>6.0f} MiB{died:>6}",
            flush=True,
        )
    print(f"{'all':<22}{totals[0]:>8}{totals[1]:>8}{totals[2]:>9}{totals[3]:>8}")
    if bad:
        print(f"failures: {folder / 'failures'}")
    elif not _FOLDER.value:
        shutil.rmtree(folder)
    sys.exit(bool(bad))


def _run(name, cases, folder):
    """Runs a target in processes until it has had its cases; returns its counts and how often it died."""
    own, died, done, seed = folder / name, 0, [0] * 4 + [0.0] * 3, _SEED.value
    while done[0] < cases and died < _RESTARTS:
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir(parents=True)
        words = [sys.executable, __file__, f"--one={name}", f"--cases={cases - done[0]}"]
        words += [f"--folder={folder}", f"--seed={seed}"]
        with open(folder / f"{name}.log", "ab") as log:
            code = subprocess.run(
                words, stdout=log, stderr=log, env=os.environ | _environment(own)
            ).returncode
        with open(own / "counts", "rb") as file:
            counts = _COUNTS.unpack(file.read(_COUNTS.size))
        done = [a + b for a, b in zip(done[:4], counts[:4], strict=True)] + [
            max(done[4], counts[4]),
            counts[5],
            counts[5] + max(done[6] - done[5], counts[6] - counts[5]),
        ]
        if counts[0] < cases and done[0] < cases:
            died, seed = died + 1, seed + 1
            print(f"{name}: exit {code} after {counts[0]} cases", flush=True)
            if (own / "case").exists():
                shutil.copy(own / "case", folder / "failures" / f"{name}_died_{died}")
            if not counts[0]:
                break
    shutil.rmtree(own, ignore_errors=True)
    return done, died


def _environment(own):
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
    return quiet | {"TMPDIR": str(own), "CUDA_VISIBLE_DEVICES": ""}


def _fuzz(name, cases, folder):
    import atheris

    own = folder / name
    (own / "counts").write_bytes(bytes(_COUNTS.size))
    # Other packages, TensorFlow above all, take too long to be watched.
    with atheris.instrument_imports(include=["dualatme_keras"]):
        from mutations import mutate
        from targets import LONGEST, MOST_MEMORY, TARGETS
        from watch import Forbidden, only_below

        from dualatme_keras.errors import DualATMEError

        (own / "files").mkdir()
        examples, read = TARGETS[name].begin(own / "files")
    for example in examples:
        read(example)
    seeds = own / "seeds"
    seeds.mkdir()
    for number, example in enumerate(examples):
        (seeds / str(number)).write_bytes(example)
    file = open(own / "counts", "r+b")  # noqa: SIM115 - it outlives this function
    shared = mmap.mmap(file.fileno(), _COUNTS.size)
    before = _peak()
    told, counts = set(), [0, 0, 0, 0, 0.0, float(before), float(before)]

    def fail(content, reason, words):
        counts[3] += 1
        if reason not in told and len(told) < 20:
            told.add(reason)
            base = folder / "failures" / f"{name}_{len(told)}"
            base.write_bytes(content)
            base.with_suffix(".txt").write_text(words)

    def test(content):
        (own / "case").write_bytes(content)
        begun = time.process_time()
        try:
            with only_below(own):
                read(content)
            counts[1] += 1
        except DualATMEError:
            counts[2] += 1
        except (Exception, Forbidden) as error:
            frames = traceback.extract_tb(error.__traceback__)
            ours = [(frame.filename, frame.lineno) for frame in frames if "dualatme_keras/" in frame.filename]
            fail(content, (type(error), *ours[-1:]), traceback.format_exc())
        took, peak = time.process_time() - begun, _peak()
        if took > LONGEST:
            fail(content, "slow", f"{took} s")
        if peak - counts[6] > 2**20 and peak - before > MOST_MEMORY:
            fail(content, "memory", f"{peak - before} bytes")
        counts[0] += 1
        counts[4], counts[6] = max(counts[4], took), float(peak)
        shared[:] = _COUNTS.pack(*counts)

    def change(content, most, seed):
        rng = random.Random(seed)
        if rng.randint(0, 1):
            return atheris.Mutate(content, most)
        return mutate(rng.choice((content, rng.choice(examples))), rng)[:most]

    most = 4 * max(map(len, examples)) + 10000
    limit = before // 2**20 + MOST_MEMORY // 2**20 + 512
    words = [f"-runs={cases}", f"-max_len={most}", f"-timeout={_CLOCK}", f"-rss_limit_mb={limit}"]
    words += [f"-seed={_SEED.value}", "-print_final_stats=0", f"-artifact_prefix={own}/", str(seeds)]
    atheris.Setup([sys.argv[0], *words], test, custom_mutator=change)
    atheris.Fuzz()


def _peak():
    """The most memory that this process had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    app.run(main)
