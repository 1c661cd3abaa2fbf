"""Networks that learn to tell real from made, what is learned from them, and the generators that learn to pass.

discriminators/   maps, waveforms, clips: x (B, C, *size) -> logits of several judges, each (B, positions)
losses/           hinge, non_saturating, relativistic, least_squares: of those logits
penalties.py      R1 and R2
critic.py, generator.py, blocks.py     the two networks of a GAN of any rank
"""
