"""`python -m agentroster`: the command `roster`, by the interpreter that runs it."""

from agentroster.cli import main

main()
