"""How far two sounds are apart in their spectrograms, over several windows: time and pitch both count.

    mean over windows of  | |X| - |Y| |_F / | |Y| |_F  +  mean |ln |X| - ln |Y||

the loss of Yamamoto et al. (2020, eq. 4 to 6) as a measure, with windows of 128, 512 and 2048 samples on waveforms in
[-1, 1]; magnitudes below -80 dB of full scale count as that.
"""

from torch import Tensor

from modalities.latents.losses.stft import Stft

WINDOWS = (128, 512, 2048)
FLOOR = 1e-4


def stft_distance(made: Tensor, real: Tensor) -> Tensor:
    """(B, C, T) in [-1, 1] twice -> (B,); 0 where all magnitudes agree."""
    return Stft(windows=WINDOWS, floor=FLOOR)(made, real)
