"""A run that is killed and started again leaves what an undisturbed one leaves."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_killed_run_goes_on(data, tmp_path):
    """A few of the kills of `make soak`."""
    spec = importlib.util.spec_from_file_location("kills", ROOT / "benchmarks" / "kills.py")
    kills = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kills)
    command = [
        *(sys.executable, "-m", "dualatme_keras.commands.train"),
        *(f"--lists={data / 'lists'}", f"--data_root={data}", "--workdir={}", "--model=ststnet"),
        *("--epochs=80", "--subjects=sub01,s01", "--batch_size=6", "--workers=1", "--threads=1"),
    ]
    counts = kills.kill_and_compare(command, 2, ["KILL", "TERM"], "**/*.csv", tmp_path, seed=3)
    assert counts["killed"] == {"KILL": 1, "TERM": 1}
    assert counts["finished"] >= 1
    assert (counts["different"], counts["orphans"], counts["codes"]) == (0, 0, [])
    assert counts["slowest_end"] < 10
