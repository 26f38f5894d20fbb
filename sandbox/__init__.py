"""A pretend outside world: a DigiD-like login and four sources over real HTTP, fed by invented personas.

For demo and tests only. It imports nothing of the broker and shares no parsing or formatting code with it.
"""
