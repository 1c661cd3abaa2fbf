"""One door to the judges of the three modalities, and the tables of what they said."""

from collections.abc import Sequence

from torch import Tensor

from modalities.modality import Modality
from tools.compositions import clips, pictures, sounds
from tools.compositions.pictures import Verdict


def judge(media: Modality, example: Tensor, caption: str) -> Verdict:
    """One stored example against its caption; «whole» is everything that was asked for at once.

    Raises ValueError for a caption that is not of the embedded generator's grammar.
    """
    if media.name == "audio":
        verdict = sounds.judge(example, caption, media.sample_rate)  # type: ignore[attr-defined]  # the audio one has it
    else:
        verdict = {"image": pictures.judge, "video": clips.judge}[media.name](example, caption)
    return verdict | {"whole": all(right is not False for right in verdict.values())}


def shares(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Attribute -> the share that is right among the verdicts whose caption says it."""
    names = list(dict.fromkeys(name for verdict in verdicts for name in verdict))
    said = {name: [v[name] for v in verdicts if v.get(name) is not None] for name in names}
    return {name: sum(map(bool, answers)) / len(answers) for name, answers in said.items() if answers}
