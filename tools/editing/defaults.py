"""Which solver a kind of problem gets where the command line names none: measured, see docs/guide.md."""

from tools.schema import Options

MASKED: Options = {"name": "moment_matching", "iterations": 5}
LINEAR: Options = {"name": "moment_matching", "iterations": 5}
FITTED: Options = {"name": "pigdm"}
NOISY: Options = {"name": "pigdm"}
