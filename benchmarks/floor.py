"""The matrix-product floor: a forward pass's products with nothing between them, into memory that is there already.

    python -m benchmarks.floor large-relative --seconds 10 --threads 2

prints what each kind of product costs. No program that makes these products with this library can be faster.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from benchmarks import jobs
from benchmarks.cases import CONFIGS, Case
from benchmarks.products import Product, forward_products
from benchmarks.table import Table, plain


class Floor:
    """The products made ready: every weight has memory of its own, the rest share three arrays.

    Calling it makes all products once. `xp` is numpy or cupy.
    """

    def __init__(self, products: list[Product], xp: Any, dtype: str = "float32") -> None:
        self.xp = xp
        pattern = xp.asarray(xp.random.default_rng(0).standard_normal(4096) * 0.02).astype(dtype)  # zeros can be faster
        left = _filled(xp, pattern, max(product.left_size for product in products))
        right_size = max([product.right_size for product in products if not product.weight], default=1)
        right = _filled(xp, pattern, right_size)
        out = xp.empty(max(product.out_size for product in products), dtype)
        out.fill(0)  # so that the memory is there
        self.products = products
        self.operands = []
        for product in products:
            weight = _filled(xp, pattern, product.right_size) if product.weight else right
            self.operands.append(
                (
                    _shaped(left, product.stack, product.rows, product.inner),
                    _right(weight, product),
                    _shaped(out, product.stack, product.rows, product.columns),
                )
            )

    def __call__(self) -> None:
        matmul = self.xp.matmul
        for left, right, out in self.operands:
            matmul(left, right, out=out)

    def seconds_by_kind(self) -> dict[str, float]:
        """Seconds for each kind of product, in one pass."""
        seconds: dict[str, float] = {}
        for product, (left, right, out) in zip(self.products, self.operands):
            start = time.perf_counter()
            self.xp.matmul(left, right, out=out)
            seconds[product.what] = seconds.get(product.what, 0.0) + time.perf_counter() - start
        return seconds


def _filled(xp: Any, pattern: Any, size: int) -> Any:
    """New flat memory of `size` numbers that repeat the pattern."""
    return xp.tile(pattern, -(-size // pattern.size))[:size]


def _shaped(memory: Any, stack: int, rows: int, columns: int) -> Any:
    """A view (rows, columns), or (stack, rows, columns) of several, at the start of flat memory."""
    view = memory[: stack * rows * columns].reshape(stack, rows, columns)
    return view[0] if stack == 1 else view


def _right(memory: Any, product: Product) -> Any:
    if product.transposed:
        return _shaped(memory, product.stack, product.columns, product.inner).swapaxes(-1, -2)
    return _shaped(memory, product.stack, product.inner, product.columns)


def measure_kinds(model: str, seconds: float, batch: int) -> dict[str, dict[str, float]]:
    """Median seconds, GFLOP and number of calls for each kind of product: a job for a process of its own."""
    import statistics

    import numpy as np

    case, config = Case(model, seconds, batch), CONFIGS[model]
    takes_features = "feature_projection_input_dim" in config
    products = forward_products(config, case.feature_rows if takes_features else case.samples, batch)
    floor = Floor(products, np)
    floor()
    runs = [floor.seconds_by_kind() for _ in range(3)]
    return {
        what: {
            "seconds": statistics.median(run[what] for run in runs),
            "gflop": sum(product.flops for product in products if product.what == what) / 1e9,
            "calls": sum(product.what == what for product in products),
        }
        for what in runs[0]
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.floor",
        description="What each kind of matrix product of a forward pass costs in NumPy.",
    )
    parser.add_argument("model", choices=tuple(CONFIGS))
    parser.add_argument("--seconds", type=float, default=10.0, help="of audio; default: 10")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=jobs.available_cores(), help="default: all cores")
    arguments = parser.parse_args()
    case = Case(arguments.model, arguments.seconds, arguments.batch)
    settings = {"model": case.model, "seconds": case.seconds, "batch": case.batch}
    kinds = jobs.run("benchmarks.floor:measure_kinds", settings, arguments.threads)
    table = Table(f"Matrix products of {case}, {arguments.threads} threads")
    for what, figures in kinds.items():
        table.add(
            {
                "products": what,
                "calls": figures["calls"],
                "GFLOP": figures["gflop"],
                "ms": figures["seconds"] * 1e3,
                "GFLOP/s": figures["gflop"] / figures["seconds"],
            }
        )
    total = {name: sum(figures[name] for figures in kinds.values()) for name in ("calls", "gflop", "seconds")}
    table.add(
        {
            "products": "all",
            "calls": total["calls"],
            "GFLOP": total["gflop"],
            "ms": total["seconds"] * 1e3,
            "GFLOP/s": total["gflop"] / total["seconds"],
        }
    )
    print(plain(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
