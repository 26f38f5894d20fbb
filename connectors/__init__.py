"""Sources and the way to them: the contract and registry, the one door to the outside, DigiD login, the sources.

Knows `schemas` only; what a session is, is not its business.
"""
