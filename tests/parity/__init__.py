"""Live comparison of npconformer with transformers: needs the extra `parity` (torch and transformers)."""
