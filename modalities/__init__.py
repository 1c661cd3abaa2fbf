"""The kinds of media that the core is trained on, one folder each with the same file names: image, audio, video."""
