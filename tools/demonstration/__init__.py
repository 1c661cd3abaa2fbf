"""The parts of `make demo`: three small trainings, checks that know the generators, one page of what came out."""
