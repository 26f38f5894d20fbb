"""The HTTP surfaces: provider API, journey (PC), phone, operations. The only package that knows Litestar.

Handlers parse, authenticate and answer; what happens is decided elsewhere.
"""
