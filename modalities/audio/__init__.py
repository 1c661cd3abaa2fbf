"""Audio: stored as int16 (C, T), modelled as a waveform (C, T) or as a compressed complex spectrogram (2C, F, N)."""
