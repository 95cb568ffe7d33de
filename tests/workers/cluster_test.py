"""Jobs on a Ray cluster: the same results, whichever machine is lost."""

import os
import subprocess
import sys
import textwrap

import pytest

SCRIPT = textwrap.dedent(
    """
    import functools, os, sys, time
    import ray
    from ray.cluster_utils import Cluster

    from dualatme_keras.errors import DualATMEError
    from dualatme_keras.workers import RayExecutor


    def new_worker(data):
        node = ray.get_runtime_context().get_node_id()

        def work(job):
            if job < 0:
                raise DualATMEError(f"job {job}")
            time.sleep(0.5)
            return node, data[job] ** 2

        return work


    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    executor = RayExecutor(cluster.address)
    nodes, results = set(), {}
    for job, (node, result) in executor.run(functools.partial(new_worker, range(100)), range(16)):
        results[job] = result
        nodes.add(node)
        if len(nodes) == 2 and second is not None:
            cluster.remove_node(second, allow_graceful=False)
            second = None
    assert results == {job: job**2 for job in range(16)}, results
    assert second is None, "one machine did everything"
    try:
        list(executor.run(functools.partial(new_worker, range(100)), [1, -3]))
    except DualATMEError as error:
        assert str(error) == "job -3", error

    # A database: the machine that asks writes what a whole preparation here writes.
    import io, pathlib
    from dualatme_keras.preparation import PrepareConfig, prepare_database
    from dualatme_keras.synthetic import write_synthetic
    from dualatme_keras.synthetic.databases import ANNOTATIONS, FRAMES

    write_synthetic("raw", subjects_per_database=2, clips_per_subject=2)
    contents = []
    for output, where in (("here", {"workers": 1}), ("there", {"executor": "ray", "ray_address": "auto"})):
        config = PrepareConfig(
            root=f"raw/{FRAMES['casme2']}",
            annotations=f"raw/{ANNOTATIONS['casme2']}",
            output=output,
            landmarks="file",
            landmarks_file="raw/landmarks.csv",
            flow="dis",
            keep_flow=True,
            **where,
        )
        result = prepare_database(config, io.StringIO())
        assert (result.prepared, result.failed) == (4, {}), result
        files = [file for file in pathlib.Path(output).rglob("*") if file.is_file()]
        contents.append({str(file.relative_to(output)): file.read_bytes() for file in files})
    assert len(contents[0]) > 4 * 5
    assert contents[0] == contents[1]
    print("all came back")
    """
)


@pytest.mark.long
def test_a_lost_machine_loses_nothing(tmp_path):
    pytest.importorskip("ray")
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        (folder / "cluster.py").write_text(SCRIPT)
        ended = subprocess.run(
            [sys.executable, folder / "cluster.py"],
            capture_output=True,
            text=True,
            timeout=240,
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
            cwd=folder,
        )
        # Ray 2.60 aborts now and then where the answer of a machine arrives just as the machine is lost.
        if "You have likely discovered a bug in Ray" not in ended.stderr:
            break
    assert ended.stdout.splitlines()[-1:] == ["all came back"], ended.stdout[-2000:] + ended.stderr[-3000:]
