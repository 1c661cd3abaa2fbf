"""Recipes as OmegaConf YAML: defaults, one file per modality, and ready-made recipes."""
