"""A mesh that is made to go wrong, to find a way in which healing does harm.

Everything random comes from one seed. The world holds the truth, the console only what is told it;
healing decides by the console's rows with the very rules of production, and the referee counts
again from the truth, by arithmetic of its own. `python -m healer.simulation --seeds 100`.
"""
