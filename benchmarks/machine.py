"""What the figures depend on: processor, cores, versions. Nothing else that would identify the machine."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("numpy", "torch", "transformers")


def processor() -> str:
    """The processor's model name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def vector_extensions() -> str:
    """The widest vector instructions that NumPy found, as it calls them."""
    import numpy as np

    found = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return (found.get("found") or found.get("baseline") or ["unknown"])[-1]


def numpy_blas() -> str:
    """Name and version of the library that makes NumPy's matrix products, and the processor its kernels are for."""
    import numpy as np
    from threadpoolctl import threadpool_info

    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    kernels = [one["architecture"] for one in threadpool_info() if one["user_api"] == "blas" and "architecture" in one]
    name = f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
    return f"{name}, kernels for {kernels[0]}" if kernels else name


def chosen_kernels() -> str | None:
    """What to say where somebody has chosen the kernels: those that OpenBLAS finds may be far faster."""
    chosen = os.environ.get("OPENBLAS_CORETYPE")
    return chosen and f"OPENBLAS_CORETYPE={chosen} is set: NumPy's products have these kernels, not the processor's own"


def torch_blas() -> str:
    """The same for torch."""
    import torch

    return "MKL" if torch.backends.mkl.is_available() else "no MKL"


def describe(device: str = "cpu") -> dict[str, str]:
    """A job: what to print above the tables, in order."""
    facts = {
        "processor": f"{processor()}, {vector_extensions()}, {os.cpu_count()} logical cores",
        "system": f"{platform.system()}, Python {platform.python_version()}",
        **{name: metadata.version(name) for name in PACKAGES},
    }
    facts["numpy"] += f" with {numpy_blas()}"
    facts["torch"] += f" with {torch_blas()}"
    if device == "cuda":
        import torch

        facts["GPU"] = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda} in torch"
        facts["cupy"] = next(
            f"{distribution.metadata['Name']} {distribution.version}"
            for distribution in metadata.distributions()
            if (distribution.metadata["Name"] or "").lower().startswith("cupy")
        )
    return facts
