"""One file per training loss; each is deterministic: times and noise are arguments."""
