"""The programs that build the documentation lie in docs/site/; what is tested here needs no Sphinx."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs/site"))
