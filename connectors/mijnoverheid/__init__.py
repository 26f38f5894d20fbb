"""MijnOverheid: persons, real estate and vehicles from the registers behind it.

Whoever wants to read it begins at connector.py; each register has a module of its own.
"""

from connectors.mijnoverheid.connector import MijnOverheid, Settings
from connectors.mijnoverheid.register import Register

__all__ = ["MijnOverheid", "Register", "Settings"]
