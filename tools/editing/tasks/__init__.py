"""One file per task: a frozen dataclass of the file's name, whose fields are the options of the task.

    MEDIA           the modalities that it is for
    __call__        `task(bench) -> Edited`: what is shown before the results, and the results

It is found by its name, so `task=NAME` can say it at once.
"""
