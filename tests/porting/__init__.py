"""What people write for transformers, run in both libraries: `python -m tests.porting` counts what comes of it."""
