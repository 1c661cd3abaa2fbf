"""One file per adversarial loss: `.discriminator(real, fake)` and `.generator(fake, real)`, per example (B,).

`real` and `fake` are the logits of a discriminator's judges, a list of (B, positions), higher is more real. Both are
means over the positions of a judge and over the judges, so neither their number nor the size of x matters.
"""
