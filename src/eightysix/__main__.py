"""`python -m eightysix`."""

from eightysix.cli import main

main()
