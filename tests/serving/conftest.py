"""What tests of serving share: one export and one server of it, as making and loading it takes a while."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from predict_server import PredictServer
from tiny_export import new_tiny, tiny_export


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The network and the path of its export."""
    return new_tiny(), tiny_export(tmp_path_factory)


@pytest.fixture(scope="session")
def running(tiny):
    with PredictServer(tiny[1]) as server:
        yield server


@pytest.fixture
def server(running):
    running.reset()
    return running
