"""Measuring what a model makes: see `tools/evaluate.py`. `tools.evaluation.score.score_folder` does it from Python."""
