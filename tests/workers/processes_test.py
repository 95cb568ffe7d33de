"""Jobs in other processes: all results, whoever dies."""

import functools
import os
import signal
import sys
import time
from pathlib import Path

import cloudpickle
import joblib.externals.loky.backend.synchronize
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.workers import ProcessExecutor, Scheduler, scheduling

# Processes cannot import tests, however those are called.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def new_worker(folder, fatal=()):
    """Notes its start; the first time that it is given a fatal job it dies as out of memory."""
    Path(folder, f"start_{os.getpid()}").touch()

    def work(job):
        if job < 0:
            raise DualATMEError(f"job {job}")
        died = Path(folder, f"died_{job}")
        if job in fatal and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid(), job * job

    return work


def run(folder, jobs, workers=2, **options):
    results = ProcessExecutor(workers).run(functools.partial(new_worker, folder, **options), jobs)
    return dict(results)


def test_each_process_begins_once(tmp_path):
    results = run(tmp_path, range(20))
    assert {job: square for job, (_, square) in results.items()} == {job: job * job for job in range(20)}
    used = {process for process, _ in results.values()}
    started = {int(path.name.split("_")[1]) for path in tmp_path.glob("start_*")}
    assert used <= started
    assert len(started) <= 2
    assert os.getpid() not in started


def test_jobs_of_dead_workers_are_run_again(tmp_path):
    results = run(tmp_path, range(8), fatal=(1, 5))
    assert {job: square for job, (_, square) in results.items()} == {job: job * job for job in range(8)}
    assert {path.name for path in tmp_path.glob("died_*")} == {"died_1", "died_5"}


def test_a_worker_that_dies_while_it_waits_is_replaced(tmp_path):
    executor, new = ProcessExecutor(2), functools.partial(new_worker, tmp_path)
    first = dict(executor.run(new, range(4)))
    os.kill(first[0][0], signal.SIGKILL)
    time.sleep(1)  # until the pool knows
    assert {job: square for job, (_, square) in executor.run(new, range(4))} == {0: 0, 1: 1, 2: 4, 3: 9}


def test_jobs_that_always_kill_are_told(tmp_path):
    with pytest.raises(DualATMEError, match="3 times in a row the end of one, as where memory runs out"):
        list(ProcessExecutor(1).run(lambda: lambda job: os.kill(os.getpid(), signal.SIGKILL), [1]))


def test_a_system_without_semaphores_is_told(tmp_path, monkeypatch):
    def none(*_arguments):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(sys.modules["joblib.externals.loky.backend.synchronize"], "_SemLock", none)
    with pytest.raises(DualATMEError, match="/dev/shm. Received: No such file.*Use `workers=1`"):
        run(tmp_path, [1, 2])


def test_the_error_of_a_job_is_that_of_all(tmp_path):
    with pytest.raises(DualATMEError, match="^job -3$"):
        run(tmp_path, [1, -3, 2])
    assert len(run(tmp_path, range(3))) == 3  # others start afterwards


def test_processes_that_stay_need_no_memory_again(tmp_path, monkeypatch):
    monkeypatch.setattr(scheduling, "available_memory", lambda: 2 * 2**20)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    scheduler = Scheduler("auto", bytes_of_each=2**20)
    seen = []
    for _ in range(2):  # alone, and what they would take is in use
        worker = functools.partial(new_worker, tmp_path)
        results = dict(scheduler.run(range(6), None, lambda worker=worker: worker, seen.append))
        assert len(results) == 6
        monkeypatch.setattr(scheduling, "available_memory", lambda: 0)
    assert seen == [1, 2, 1, 2]
    assert len(list(tmp_path.glob("start_*"))) <= 2


def test_joblib_keeps_its_own_processes(tmp_path):
    run(tmp_path, range(3))
    assert joblib.Parallel(2)([joblib.delayed(abs)(number) for number in (-1, -2)]) == [1, 2]
