"""Training: what happens between a batch of x0 and the next set of weights."""
