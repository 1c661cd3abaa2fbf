"""What an evaluation looks at: networks that turn stored media into rows of numbers, and plain statistics of media.

network      the contract: media -> features and, where there are classes, their logits
views        media as maps of about unit scale, at most so large: pictures, log-mel spectrograms, clips
classifier   a small network over views that learns labels and damages (`pretext`) from the data themselves (`learning`)
inception    the network of FID and KID as published, through torch-fidelity
file         any network from a TorchScript or exported file: VGGish, CLAP, I3D
sound        spectra of sounds and their distance in decibels
motion       how much clips move, and flicker
"""
