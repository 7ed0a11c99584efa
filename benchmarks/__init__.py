"""Benchmarks beside transformers with torch. Start in the checkout's root: `python -m benchmarks.compare --help`."""
