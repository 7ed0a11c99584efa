"""The subcommands of `npconformer`, one file each: `add_parser` declares its arguments, `run` does it."""
