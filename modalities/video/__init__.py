"""Video: stored as uint8 (T, H, W, C), modelled as pixels in [-1, 1] of shape (C, T, H, W)."""
