"""Files that citizens hand over: judged, opened and read in a process of their own, and never believed.

Knows no person and keeps nothing: what a file says goes back to who asked, and no byte of it touches a disk.
"""

from connectors.documents.reader import DocumentReader, Reading
from connectors.documents.settings import DocumentSettings

__all__ = ["DocumentReader", "DocumentSettings", "Reading"]
