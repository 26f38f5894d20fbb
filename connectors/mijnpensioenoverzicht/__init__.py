"""Mijnpensioenoverzicht: pensions to come, over a mandated host's interface."""

from connectors.mijnpensioenoverzicht.connector import Mijnpensioenoverzicht, MijnpensioenoverzichtSettings

__all__ = ["Mijnpensioenoverzicht", "MijnpensioenoverzichtSettings"]
