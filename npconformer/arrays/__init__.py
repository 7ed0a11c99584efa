"""Which array library an array belongs to, how work is shared among threads, and where random numbers come from."""
