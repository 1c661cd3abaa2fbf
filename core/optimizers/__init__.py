"""One file per optimiser: `name(parameters, *, lr, ...) -> torch.optim.Optimizer`, from (name, tensor) pairs."""
