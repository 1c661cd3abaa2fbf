"""What references are made of: degraded twins, mel spectrograms, masks, and how a file becomes one."""
