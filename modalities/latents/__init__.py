"""Latents: autoencoders of images, waveforms, spectrograms and clips, what they are trained on and measured by.

autoencoder.py, ladder.py, shape.py   the network of any rank
bottlenecks/                          kl, vq, fsq: what the latent is
losses/                               distances of a reconstruction from its original, to train on
objective.py, adversary.py, fit.py    one step of training, and the loop
metrics/                              PSNR, SSIM, multi-resolution STFT distance
statistics.py                         shift and scale of the latents, measured
media.py                              a modality whose x0 are latents
"""
