"""Images: stored as uint8 (C, H, W), modelled as pixels in [-1, 1] of shape (C, H, W)."""
