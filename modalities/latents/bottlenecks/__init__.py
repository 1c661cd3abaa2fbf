"""One file per bottleneck: what an autoencoder's latent is, and what it costs.

    bottleneck(h (B, in_channels, *size), noise, numbers) -> Coded(z (B, channels, *size), loss (B,), facts)

`noise(batch, size, generator, mine)` (b, …) is what a pass of training draws, a row per example; it is drawn for the
whole global batch, of which this process holds the rows `mine`. `numbers` is how many numbers an x0 has: losses of
reconstruction are means over them. `encode(h) -> z` is the deterministic code. One that can be drawn from has
`draw(noise) -> z` too.
"""
