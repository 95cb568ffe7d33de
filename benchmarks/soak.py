"""Load on an export for minutes: does it answer what is good, refuse what is bad, and keep its memory?

    python benchmarks/soak.py --minutes=10

A process of its own serves the export of a preset by the test server (tests/serving/predict_server.py) on
loopback. Half of the clients ask over REST and half over gRPC, each again as soon as it has an answer. Every
good answer is compared with the network's own. One request in twenty is bad. Exits with 1 where a request had
another end than it should, or memory grew by more than --most_growth MiB after warm-up.
"""

import collections
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "serving"))

import numpy as np
import psutil
from absl import app, flags

from dualatme_keras.serving import Client, LocalExport, RequestRefused
from dualatme_keras.synthetic.databases import synthetic_clips
from dualatme_keras.video import image_file

_PRESET = flags.DEFINE_string("preset", "facs", "network to export")
_MINUTES = flags.DEFINE_float("minutes", 10.0, "how long to ask", lower_bound=0.5)
_CLIENTS = flags.DEFINE_integer("clients", 16, "that ask at the same time", lower_bound=2)
_BAD = flags.DEFINE_float("bad", 0.05, "share of bad requests", lower_bound=0.0, upper_bound=1.0)
_MOST_GROWTH = flags.DEFINE_float("most_growth", 50.0, "MiB by which the server may grow after warm-up")
_SERVE = flags.DEFINE_string("serve", None, "folder of an exported version: be the server")

_WARM_UP_SHARE = 0.1
"""Of the time, which does not count for memory."""


def main(_arguments):
    if _SERVE.value:
        return _serve(_SERVE.value)
    with tempfile.TemporaryDirectory() as folder:
        version, names, size = _export(folder)
        good = _good_requests(LocalExport(version), names, size)
        server = subprocess.Popen(
            [sys.executable, __file__, f"--serve={version}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            urls = json.loads(server.stdout.readline())
            sys.exit(_soak(urls, psutil.Process(server.pid), good))
        finally:
            server.stdin.close()
            server.wait()


def _serve(version):
    from predict_server import PredictServer

    with PredictServer(version) as server:
        print(json.dumps([server.rest_url, server.grpc_url]), flush=True)
        sys.stdin.read()  # until the other side closes it


def _export(folder):
    from dualatme_keras.models import DualATME
    from dualatme_keras.serving import export_saved_model

    model = DualATME.from_preset(_PRESET.value)
    return export_saved_model(model, folder), [tensor.name for tensor in model.inputs], model.image_size


def _good_requests(export, names, size):
    """Signature, inputs and the answers of an export in this process."""
    rng = np.random.default_rng(0)
    flows = [image_file(rng.integers(0, 256, (28, 28, 3), dtype="uint8")) for _ in range(8)]
    clips = [recording for _record, recording in synthetic_clips("casme2", 2, 2, 2, 160)]
    tensors = rng.uniform(-1, 1, (4, size, size, 3)).astype("float32")
    requests = [
        ("serving_default", dict.fromkeys(names, tensors)),
        ("serve_images", {f"{name}_bytes": flows[:1] for name in names}),
        ("serve_images", {f"{name}_bytes": flows for name in names}),
    ]
    for clip in clips:
        frames = {
            f"{name}_bytes": [image_file(clip.frame(getattr(clip.timing, name)))]
            for name in ("onset", "apex")
        }
        landmarks = clip.landmarks(clip.timing.onset)[np.newaxis].astype("float32")
        requests.append(("serve_frames", frames | {"landmarks": landmarks}))
    return [(signature, inputs, export.predict(inputs, signature)) for signature, inputs in requests]


def _bad_request(good, rng):
    """A request that should be refused, made of a good one."""
    signature, inputs, _ = rng.choice([each for each in good if each[0] != "serving_default"])
    name = next(iter(inputs))
    image = inputs[name][0]
    spoiled = {
        "no image": b"GIF89a" + image,
        "cut": image[: len(image) // 2],
        "empty": b"",
        # A PNG's header says its width in bytes 16 to 19.
        "huge": image[:16] + (2**31 - 1).to_bytes(4, "big") + image[20:],
    }
    kind = rng.choice([*spoiled, "signature", "input", "type"])
    if kind in spoiled:
        return signature, inputs | {name: [spoiled[kind], *inputs[name][1:]]}
    if kind == "signature":
        return "no_such_signature", inputs
    if kind == "input":
        return signature, inputs | {"no_such_input": inputs[name]}
    return signature, inputs | {name: np.zeros((len(inputs[name]), 4), "float32")}


class _Count:
    """What came of all requests."""

    def __init__(self):
        self.seconds = collections.defaultdict(list)
        self.refused = 0
        self.faults = []

    def ask(self, client, good, rng):
        if rng.random() < _BAD.value:
            signature, inputs = _bad_request(good, rng)
            try:
                client.predict(inputs, signature)
            except RequestRefused:
                self.refused += 1
            else:
                self.faults.append(f"answered a bad request of {signature}: {sorted(inputs)}")
            return
        signature, inputs, expected = rng.choice(good)
        before = time.perf_counter()
        answers = client.predict(inputs, signature)
        self.seconds[signature].append(time.perf_counter() - before)
        if not np.allclose(answers["probabilities"], expected["probabilities"], atol=1e-4):
            self.faults.append(f"another answer of {signature}")


def _soak(urls, server, good):
    count, end = _Count(), time.monotonic() + 60 * _MINUTES.value

    def work(number):
        rng = random.Random(number)
        # All wait for the same processors.
        with Client(urls[number % 2], timeout=120) as client:
            client.wait_until_ready()
            while time.monotonic() < end:
                try:
                    count.ask(client, good, rng)
                except Exception as error:  # whatever it is: one good request without its answer
                    count.faults.append(f"no answer: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(_CLIENTS.value)]
    for thread in threads:
        thread.start()
    memory = []
    while any(thread.is_alive() for thread in threads):
        memory.append(server.memory_info().rss / 2**20)
        time.sleep(1)
    return _report(count, memory)


def _report(count, memory):
    good = sum(map(len, count.seconds.values()))
    print(
        f"{_MINUTES.value:g} minutes, {_CLIENTS.value} clients, {os.cpu_count()} processors: {good:,} good "
        f"requests answered, {count.refused:,} bad ones refused, {len(count.faults)} faults"
    )
    for signature, seconds in sorted(count.seconds.items()):
        p50, p95, p99 = 1000 * np.quantile(seconds, (0.5, 0.95, 0.99))
        print(f"  {signature:<16} {len(seconds):>7,}  p50 {p50:,.0f} ms  p95 {p95:,.0f}  p99 {p99:,.0f}")
    part = max(1, int(len(memory) * _WARM_UP_SHARE))
    before, after = np.median(memory[part : 2 * part]), np.median(memory[-part:])
    print(f"server: {before:,.0f} MiB after warm-up, {after:,.0f} at the end, {max(memory):,.0f} at most")
    for fault, times in collections.Counter(count.faults).most_common(10):
        print(f"  fault, {times} times: {fault}")
    return int(bool(count.faults) or after - before > _MOST_GROWTH.value)


if __name__ == "__main__":
    app.run(main)
