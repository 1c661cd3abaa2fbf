"""One file per learning-rate decay: a function of progress in [0, 1] that returns a factor of the base rate."""
