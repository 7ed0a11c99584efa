"""Times `import npconformer` in a fresh interpreter and fails if it loads an optional or a heavy package.

Names are loaded when they are first used, so the model's, the processor's and the pipeline's are used, too.
CI machines are noisy, so the best of five times is reported, and only a full second fails.
"""

import subprocess
import sys

PROMISED, FAILS_ABOVE = 0.25, 1.0
LAZY = (
    "torch",
    "transformers",
    "scipy",
    "cupy",
    "soundfile",
    "soxr",
    "safetensors",
    "threadpoolctl",
    "tqdm",
    "matplotlib",
    "huggingface_hub",
)
PROGRAM = f"""
import sys, time
start = time.perf_counter()
import npconformer
npconformer.Wav2Vec2ConformerForCTC, npconformer.Wav2Vec2Processor, npconformer.pipeline
took = time.perf_counter() - start
print(took, *[name for name in {LAZY!r} if name in sys.modules])
"""

times = []
for _ in range(5):
    took, *loaded = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
    ).stdout.split()
    times.append(float(took))
    if loaded:
        sys.exit(f"import npconformer also imports {', '.join(loaded)}")

best = min(times)
what = "import npconformer, its model, processor and pipeline"
print(f"{what}: {best:.3f} s (best of {len(times)}; promised: under {PROMISED} s)")
if best > FAILS_ABOVE:
    sys.exit(f"import npconformer took {best:.2f} s, more than {FAILS_ABOVE} s")
