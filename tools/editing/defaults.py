"""Which solver a kind of problem gets where the command line names none: measured, see docs/guide.md."""

from tools.schema import Options

MASKED: Options = {"name": "pigdm"}
LINEAR: Options = {"name": "pigdm"}
FITTED: Options = {"name": "pigdm"}
NOISY: Options = {"name": "pigdm"}
