"""Diffusion on latents: which autoencoder a recipe names, its copy in the run, and caches of what it encodes."""
