"""The parts of `tools/report.py`: what the folders of some runs hold, as one page."""
