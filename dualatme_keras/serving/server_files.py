"""What TensorFlow Serving wants to know besides the model: which to load, and how to batch requests."""


def models_config(model_name: str) -> str:
    """`--model_config_file`, for a container in which the versions lie in `/models/NAME`."""
    return f"""model_config_list {{
  config {{
    name: "{model_name}"
    base_path: "/models/{model_name}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
}}
"""


def batching_parameters() -> str:
    """`--batching_parameters_file`: requests that come within 2 ms of each other are answered together.

    Few at a time: on CPUs raw frames take a third of a second each, and all of a batch wait for its slowest.
    """
    return """max_batch_size { value: 8 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
"""
