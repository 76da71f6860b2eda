"""Versions, devices and settings that a report of a bug needs."""

import os
import platform
import sys
from importlib import metadata

import joblib
import torch
from threadpoolctl import threadpool_info

from sklcnn.network import trains_fast_in_bfloat16

REQUIRED = (
    "joblib",
    "numpy",
    "pillow",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "skops",
    "skorch",
    "threadpoolctl",
    "tifffile",
    "torch",
    "torchvision",
    "tqdm",
)
"""Distributions that are always there."""

OPTIONAL = (
    "captum",
    "cleanlab",
    "cloudpickle",
    "dask",
    "distributed",
    "imagecodecs",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pillow-heif",
    "python-multipart",
    "safetensors",
    "starlette",
    "timm",
    "toolz",
    "uvicorn",
)
"""Distributions that extras of this package bring."""

THREAD_VARIABLES = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables that limit threads."""


def show_versions():
    """Print versions, devices and numbers of threads, for reports of bugs.

    The table names Python and the system, the versions of required and optional
    packages, each device with its number formats, and the threads that libraries use.
    Optional packages are not imported.

    See Also
    --------
    sklearn.show_versions : The same for scikit-learn.
    sklcnn.persistence.describe : Versions by which a saved model was written.

    Examples
    --------
    >>> import sklcnn
    >>> sklcnn.show_versions()
    System:
    ...
    Required packages:
    ...
    """
    sections = {
        "System": _describe_system(),
        "Required packages": _list_versions(REQUIRED),
        "Optional packages": _list_versions(OPTIONAL),
        "Devices": _describe_devices(),
        "Threads": _count_threads(),
    }
    width = max(len(name) for lines in sections.values() for name in lines)
    for title, lines in sections.items():
        print(f"{title}:")
        for name, value in lines.items():
            print(f"{name:>{width + 4}}: {value}")
        print()


def _describe_system():
    return {
        "sklcnn": sys.modules["sklcnn"].__version__,
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
    }


def _list_versions(names):
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def _describe_devices():
    """Name what torch computes on, and whether it multiplies bfloat16 in hardware."""
    devices = {"cpu": f"{_name_processor()}, {_describe_formats('cpu')}"}
    for index in range(torch.cuda.device_count()):
        device = f"cuda:{index}"
        known = torch.cuda.get_device_properties(device)
        devices[device] = (
            f"{known.name}, {known.total_memory / 2**30:.0f} GiB, compute capability "
            f"{known.major}.{known.minor}, {_describe_formats(device)}"
        )
    if "cuda:0" not in devices:
        devices["cuda"] = "not available"
    devices["mps"] = (
        "available" if torch.backends.mps.is_available() else "not available"
    )
    devices["CUDA of torch"] = torch.version.cuda or "none"
    return devices


def _name_processor():
    capabilities = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # torch 2.10 and later
    return capabilities.get("cpu_name") or platform.processor() or platform.machine()


def _describe_formats(device):
    is_fast = trains_fast_in_bfloat16(device)
    return f"bfloat16 {'in hardware' if is_fast else 'not in hardware'}"


def _count_threads():
    pools = {
        f"{pool['user_api']} ({pool['internal_api']})": pool["num_threads"]
        for pool in threadpool_info()
    }
    variables = {name: os.environ.get(name, "not set") for name in THREAD_VARIABLES}
    return {
        "cores": joblib.cpu_count(),
        "torch": torch.get_num_threads(),
        **pools,
        **variables,
    }
