"""Where sessions are kept: the only package that talks to Valkey/Redis.

Owns the connection, the embedded server and the atomic steps. Decides nothing about a session's life.
"""
