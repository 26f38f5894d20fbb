"""The data that travels: what a connector finds, what a citizen sees, what a provider receives.

Frozen msgspec structs and their validation; no I/O, no imports from the other packages.
"""
