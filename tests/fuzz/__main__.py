"""Damage files of every kind that is read, at random, and see that reading them ends well.

    python -m tests.fuzz --files 20000
    python -m tests.fuzz --files 1 --seed 4711        # one of them again

Settings, tokenizers, processors, weights, archives, recordings, manifests, RTTM and checkpoints of trainings are
refused with a ValueError or OSError, whose message is short and printable, or loaded, used and saved; within 5 seconds
and 1 GB of memory. Anything else is printed with its seed, and the exit status is 1. `kinds` says what is damaged,
`mutations` how.
Files of weights in all their formats have a command of their own, `python -m tests.checkpoints.fuzz`.
"""

import random
import sys
import warnings
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]  # where pytest looks as well

from engine import endings_of, main  # noqa: E402
from kinds import all_kinds  # noqa: E402
from mutations import damage_bytes, damage_json  # noqa: E402

LONGEST_MESSAGE = 2500  # characters
OF_LINES = ("data.jsonl", "nemo.json")  # each line is a value, the whole is none


def read_damaged(seeds):
    """For each seed, how reading its file ended."""
    kinds = all_kinds()

    def write(folder, seed):
        chance = random.Random(seed)
        kind = chance.choice(kinds)
        damaged = chance.choice(kind.damaged)
        for name, content in kind.files.items():
            if name == damaged:
                one_value = name.endswith((".json", ".jsonl")) and kind.name not in OF_LINES
                by_value = one_value and chance.random() < 0.75
                content = (damage_json if by_value else damage_bytes)(content, chance)
            (folder / name).write_bytes(content)
        return kind

    return endings_of(seeds, write, read_one)


def read_one(folder, kind):
    """How using a folder ended: "refused" or "read". Any other error goes on."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.use(folder)
    except (ValueError, OSError) as error:
        message = str(error)
        assert 0 < len(message) < LONGEST_MESSAGE, f"{kind.name}: a message of {len(message)}: {message[:300]!r}"
        assert message.replace("\n", "").isprintable(), f"{kind.name}: {message[:300]!r}"
        return "refused"
    except BaseException as error:
        error.add_note(kind.name) if hasattr(error, "add_note") else None
        raise
    return "read"


if __name__ == "__main__":
    sys.exit(main(__doc__, "tests.fuzz", read_damaged))
