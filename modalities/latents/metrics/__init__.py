"""How good a reconstruction is, in numbers that others report too: one file per measure, each (B, …) -> (B,)."""
