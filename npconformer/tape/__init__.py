"""The manual autograd tape: `Tensor`, `Operation`, `backward`, `no_grad`, recomputation."""
