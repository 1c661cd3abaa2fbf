"""One file per kind of condition, found by its name; see `modalities.condition`. What kinds share is in subfolders."""
