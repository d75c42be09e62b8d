"""Who gets the next request, as arithmetic: weights, turns, rings. It knows no socket or clock.

`weights` says how much each member of a choice counts just now (its own weight, slow start, the
caller's unit); `turns` lays weights out as a round; `ring` and `maglev` give a key its place;
`keys` finds the key of a request. `proxy.balancer` picks with them.
"""
