"""What the wire says: the words sidecars and console share, and nothing else.

Structs only parse, print and check. Ratios are 0..1, percentages 0..100, times UTC seconds,
durations `*_seconds`. Unknown fields are ignored; an unknown major version is refused.
"""
