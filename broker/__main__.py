"""`python -m broker` is `ophaalbrug`."""

from broker.cli import main

main()
