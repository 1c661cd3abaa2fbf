"""One file per stage of training, `stage=NAME`: what is trained, from what loss, and how samples are drawn from it.

An object of the file's name that follows `tools.stage.Stage`.
"""
