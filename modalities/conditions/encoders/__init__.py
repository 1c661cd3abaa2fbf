"""Pretrained encoders of conditions: where they lie, how they are read, and where their outputs are kept."""
