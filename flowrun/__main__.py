"""The command line as `python -m flowrun`."""

from flowrun.cli.main import main

main()
