"""The four pretend sources: each module turns a persona's facts into one register's own format and answers for it.

The builders are pure functions; what every counter does alike (keys, faults, delays) is in `desk`.
"""
