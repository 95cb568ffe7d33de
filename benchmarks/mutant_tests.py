"""Tests run in copies of the checkout, and which lines of the package each of them covers.

TensorFlow's import takes ten seconds, more than most mutants need. A fork server imports it once; each call
of pytest is a fork of it, which imports the package anew.
"""

import contextlib
import dataclasses
import hashlib
import importlib.util
import json
import multiprocessing
import os
import queue
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "dualatme_keras"
_PRELOADED = ["__main__", "tensorflow", "keras", "cv2", "joblib", "matplotlib.figure", "sklearn.metrics"]
_HERE_ONLY = {ROOT: {"build", "runs"}, ROOT / "data": {"demo"}}
_ANYWHERE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
_COLLECTION, _TEST = 90, 600
"""Seconds after which the import of tests, or a test of unknown time, counts as hanging."""


@dataclasses.dataclass
class Outcome:
    """What a call of pytest came to.

    Attributes:
        code: exit code of pytest, or minus the signal that ended it: SIGALRM where a test took too long.
        seconds: how long it took.
        failed: the first test that failed, or what could not be collected; None where nothing failed.
        record: what `_Recorder.record` has.
    """

    code: int
    seconds: float
    failed: str | None = None
    record: dict = dataclasses.field(default_factory=dict)

    @property
    def timed_out(self):
        return self.code == -signal.SIGALRM

    @property
    def caught(self):
        return self.code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


class _Chooser:
    """Pytest plugin: runs the chosen tests in the given order, each within its time."""

    def __init__(self, limits, finish):
        self.limits = limits
        self.failed = []
        self._finish = finish

    def pytest_collection_modifyitems(self, items):
        if self.limits is not None:
            found = {item.nodeid: item for item in items}
            items[:] = [found[name] for name in self.limits if name in found]

    def pytest_runtest_logstart(self, nodeid):
        # The default action of the signal ends the process, whatever hangs in it.
        signal.alarm(_TEST if self.limits is None else self.limits[nodeid])

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)

    pytest_collectreport = pytest_runtest_logreport

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus):
        self._finish(exitstatus)


class _Recorder:
    """Pytest plugin: records seconds and lines of each test, those of shared fixtures apart.

    A fixture that several tests share runs in the first of them; all of them test what it calls.
    """

    def __init__(self, place):
        self._folder = place / "coverage"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        # By place, since tests call commands under other names than that of the package.
        source = str(place / "checkout" / PACKAGE)
        settings = place / "coveragerc"
        # Processes that a test starts name it by the variable that pytest keeps for it.
        settings.write_text(
            f"[run]\ndata_file={self._folder / 'lines'}\nparallel=true\nsource={source}\nsigterm=true\n"
            "context=${PYTEST_CURRENT_TEST}\n"
        )
        os.environ["COVERAGE_PROCESS_START"] = str(settings)
        self._coverage = coverage.Coverage(self._folder / "lines", source=[source], config_file=False)
        self._coverage.start()
        self._running = [("", 0.0)]
        self.record = {"tests": {}, "fixtures": {}, "lines": {}}

    def _within(self, context, entry):
        self._coverage.switch_context(context)
        self._running.append((context, 0.0))
        start = time.perf_counter()
        result = yield
        took = time.perf_counter() - start
        entry["seconds"] += took - self._running.pop()[1]
        outer, inside = self._running.pop()
        self._running.append((outer, inside + took))
        self._coverage.switch_context(outer)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        entry = {"seconds": 0.0, "fixtures": list(item.fixturenames), "passed": True}
        self.record["tests"][item.nodeid] = entry
        return (yield from self._within(item.nodeid, entry))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        if fixturedef.scope == "function":
            return (yield)
        entry = self.record["fixtures"].setdefault(fixturedef.argname, {"seconds": 0.0})
        return (yield from self._within(f"fixture {fixturedef.argname}", entry))

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.record["tests"][report.nodeid]["passed"] = False

    def save(self, root):
        """Reads what this process and those it started have covered."""
        self._coverage.stop()
        self._coverage.save()
        lines = defaultdict(lambda: defaultdict(set))
        for file in self._folder.iterdir():
            data = coverage.CoverageData(str(file))
            data.read()
            for path in data.measured_files():
                for line, contexts in data.contexts_by_lineno(path).items():
                    for context in contexts:
                        lines[context][os.path.relpath(path, root)].add(line)
        for context in lines:
            # What runs when tests are collected, or in a process of a fixture, is for all of the file.
            shared = not context or context.endswith(" (setup)")
            name = "setup" if shared else context.removesuffix(" (call)")
            self.record["lines"].setdefault(name, {})
            for module, numbers in lines[context].items():
                known = self.record["lines"][name].get(module, ())
                self.record["lines"][name][module] = sorted(numbers.union(known))


def _run(place, files, limits, recording):
    """Calls pytest; the body of a forked process, which leaves its findings in PLACE/outcome.json."""
    os.setsid()
    signal.alarm(_COLLECTION)
    root = place / "checkout"
    output = os.open(place / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(root)
    # The copy before the installed package; nothing compiled, as a mutant may have size and time of another.
    sys.path.insert(0, str(root))
    os.environ["PYTHONPATH"] = str(root)
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    if not Path(importlib.util.find_spec(PACKAGE).origin).is_relative_to(root):
        raise RuntimeError(f"Expected {PACKAGE} of {root}. Received: {importlib.util.find_spec(PACKAGE)}")

    def finish(code):
        """Ends the process: what pytest does at the end takes longer than a test."""
        if recorder:
            recorder.save(root)
        found = {"failed": next(iter(chooser.failed), None), "record": recorder.record if recorder else {}}
        (place / "outcome.json").write_text(json.dumps(found))
        os._exit(code)

    chooser = _Chooser(limits, finish)
    recorder = _Recorder(place) if recording else None
    options = ["-p", "no:cacheprovider", f"--basetemp={place / 'temporary'}", *(() if recording else ("-x",))]
    finish(pytest.main([*files, *options], plugins=[chooser, *([recorder] if recorder else ())]))


class Workplaces:
    """Copies of the checkout, one for each of the calls at one time.

    Args:
        count: how many.
    """

    def __init__(self, count):
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        self._free = queue.Queue()
        self._count = count
        for number in range(count):
            place = Path(self._folder.name) / str(number)
            shutil.copytree(ROOT, place / "checkout", ignore=_left_out)
            self._free.put(place)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        # As the package has it, which is imported after TensorFlow here.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(_PRELOADED)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._folder.cleanup()

    def map(self, function, tasks):
        """Calls `function(task)` for all tasks, one at a time in each copy; yields in the tasks' order."""
        with ThreadPoolExecutor(self._count) as pool:
            yield from pool.map(function, tasks)

    def run(self, files, limits=None, recording=False, change=None):
        """Runs tests in a copy until one fails.

        Args:
            files: files of tests, relative to the checkout.
            limits: seconds that each test may take, by name, in the order to run them; None for all tests.
            recording: whether to record what the tests cover, which does not stop at a failure.
            change: (path relative to the checkout, text of the file instead of its own) or None.

        Returns:
            An `Outcome`.
        """
        place = self._free.get()
        try:
            (place / "outcome.json").unlink(missing_ok=True)
            if change:
                (place / "checkout" / change[0]).write_text(change[1], encoding="utf-8")
            start = time.perf_counter()
            process = self._processes.Process(target=_run, args=(place, files, limits, recording))
            process.start()
            process.join()
            outcome = Outcome(process.exitcode, time.perf_counter() - start)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what a stopped test has started
            if (place / "outcome.json").exists():
                found = json.loads((place / "outcome.json").read_text())
                outcome = dataclasses.replace(outcome, **found)
            elif recording:
                raise RuntimeError(
                    f"{files} ended with {outcome.code}:\n{(place / 'output.txt').read_text()}"
                )
            return outcome
        finally:
            if change:
                _restore(place / "checkout", change[0])
            self._free.put(place)


def _left_out(folder, names):
    """What a copy of the checkout can do without: the package has a room called `runs` too."""
    return _ANYWHERE(folder, names) | _HERE_ONLY.get(Path(folder), set())


def _sources(folder):
    return {path.relative_to(folder) for part in (PACKAGE, "tests") for path in (folder / part).rglob("*.py")}


def _restore(checkout, changed):
    """Undoes a change, and what the changed program did to its own copy: it may have deleted it."""
    if _sources(checkout) == _sources(ROOT):
        shutil.copy(ROOT / changed, checkout / changed)
        return
    shutil.rmtree(checkout, ignore_errors=True)
    shutil.copytree(ROOT, checkout, ignore=_left_out)


def _digest(paths):
    text = b"".join(str(path.relative_to(ROOT)).encode() + path.read_bytes() for path in sorted(paths))
    return hashlib.sha256(text).hexdigest()


class CoverageMap:
    """Which tests cover a line, and how long they take; kept in a file.

    A file of tests is recorded anew when it changed, all of them when the package or the tests' helpers did.

    Args:
        path: the file.
    """

    def __init__(self, path):
        self._path = Path(path)
        self._files = {}
        self._covering = {}

    def update(self, workplaces, wanted):
        """Reads the file and records what it lacks of the tests in the wanted files or folders."""
        tests = sorted((ROOT / "tests").rglob("*_test.py"))
        shared = [*(ROOT / PACKAGE).rglob("*.py"), *(set((ROOT / "tests").rglob("*.py")) - set(tests))]
        shared = _digest([*shared, *ROOT.glob("*.py")])
        known = json.loads(self._path.read_text()) if self._path.exists() else {}
        digests = {str(path.relative_to(ROOT)): shared + _digest([path]) for path in tests}
        known = {name: record for name, record in known.items() if record["digest"] == digests.get(name)}
        inside = [name for name in digests if any(Path(name).is_relative_to(path) for path in wanted)]
        missing = [name for name in inside if name not in known]
        # A slow file that comes last would run alone; large files are the slow ones, more or less.
        missing.sort(key=lambda name: -(ROOT / name).stat().st_size)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        outcomes = workplaces.map(lambda name: workplaces.run([name], recording=True), missing)
        for name, outcome in zip(missing, outcomes, strict=True):
            known[name] = {"digest": digests[name], **outcome.record}
            self._path.write_text(json.dumps(known))
            failing = [test for test, entry in outcome.record["tests"].items() if not entry["passed"]]
            print(f"covered {name}, {outcome.seconds:.0f} s {failing or ''}", flush=True)
        if missing:
            print(f"Coverage recorded in {(time.perf_counter() - start) / 60:.1f} minutes", flush=True)
        self._files = {name: known[name] for name in inside}
        self._read()

    def _read(self):
        covering = defaultdict(set)
        for record in self._files.values():
            users = defaultdict(list)
            for test, entry in record["tests"].items():
                if entry["passed"]:
                    for context in (test, "setup", *(f"fixture {name}" for name in entry["fixtures"])):
                        users[context].append(test)
            for context, modules in record["lines"].items():
                for module, lines in modules.items():
                    for line in lines:
                        covering[module, line].update(users[context])
        self._covering = covering

    def tests(self, module, lines):
        """Names of the tests that cover one of the lines of a file (relative to the checkout)."""
        return set().union(*(self._covering.get((module, line), ()) for line in lines))

    def order(self, groups, near, seconds):
        """Which tests to run in which order.

        Of a group, those under the path `near` come first; then file by file, the fastest first.

        Args:
            groups: sets of names; a set comes after those before it.
            near: path of the room's tests, without extension.
            seconds: how long all may take. Of a file that takes longer, the fastest tests run, at least one.

        Returns:
            Name of each test to run -> the seconds after which it counts as hanging.
        """
        limits, left = {}, seconds
        for tests in groups:
            files = defaultdict(set)
            for test in tests - limits.keys():
                files[test.partition("::")[0]].add(test)
            ranked = sorted(
                (not file.startswith(near), *self._cost(file, files[file]), file) for file in files
            )
            for _, _, shared, file in ranked:
                known = self._files[file]["tests"]
                seconds_of = {test: known[test]["seconds"] for test in known if test in files[file]}
                chosen, here = set(), left - shared
                for test in sorted(seconds_of, key=seconds_of.get):
                    here -= seconds_of[test]
                    if here >= 0 or (not limits and not chosen):
                        chosen.add(test)
                if chosen:
                    left -= shared + sum(seconds_of[test] for test in chosen)
                    hanging = {test: round(30 + 5 * (shared + seconds_of[test])) for test in seconds_of}
                    limits |= {test: hanging[test] for test in seconds_of if test in chosen}
        return limits

    def _cost(self, file, tests):
        """Seconds of tests of a file with the fixtures that they share, and of these alone."""
        record = self._files[file]
        fixtures = {fixture for test in tests for fixture in record["tests"][test]["fixtures"]}
        shared = sum(
            record["fixtures"][fixture]["seconds"] for fixture in fixtures & record["fixtures"].keys()
        )
        return shared + sum(record["tests"][test]["seconds"] for test in tests), shared
