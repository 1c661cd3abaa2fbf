"""Editing without training: what `tools/edit.py` is made of. Every task is a file of its own in `tasks`."""
