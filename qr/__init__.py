"""Pairing tokens, typed codes and their pictures: made, read and drawn.

Pure: no I/O, no clock, no store. Who may use a token, and how often, is decided in `sessions`.
"""
