"""References in sampling: folders of them, sizes that follow them, known parts kept, signals longer than trained."""
