"""UWV: employments and benefits, over two SuwiML services (mandated hosts only)."""

from connectors.uwv.connector import Uwv, UwvSettings

__all__ = ["Uwv", "UwvSettings"]
