"""`python -m agentroster`: the command `roster`, by the interpreter that runs it."""

from agentroster.cli import main

if __name__ == "__main__":
    main()
