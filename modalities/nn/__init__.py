"""What the three modalities' networks share: convolution, attention, embeddings, resampling, the U-Net itself."""
