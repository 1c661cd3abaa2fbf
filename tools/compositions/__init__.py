"""Does a sample show what its caption says? Rules that know the captioned embedded generators and nothing else."""
