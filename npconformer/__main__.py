"""`python -m npconformer` is the command `npconformer`."""

import sys

from npconformer.cli import main

sys.exit(main())
