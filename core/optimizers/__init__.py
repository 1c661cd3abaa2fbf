"""One file per optimiser: `name(parameters, *, lr, ...) -> torch.optim.Optimizer`; parameters are (name, tensor) pairs."""
