"""The command line: thin programs over `core` and `modalities`."""
