"""What another policy would have done: stored evidence decided again, beside what was done.

Evidence is what reporters said in fact, so a replay is true up to the first thing that would have
gone differently; what the mesh would have done after that nobody knows.
"""
