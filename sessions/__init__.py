"""What a session is, how it may move, and where it is kept.

Knows neither sources nor pages: connectors and HTTP live elsewhere.
"""
