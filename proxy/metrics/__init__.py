"""The sidecar's own metrics, named as Istio names them where it does.

Labels hold names that the console knows and words of this program, never an id, an address or a
path that a caller made up: a series belongs to a group, not to an instance, so instances may come
and go. What an endpoint does on its own is on the page /stats.

Counters are kept by objects that live as long as their series. Sums over endpoints are gauges only:
a counter that loses a member would seem to begin anew.
"""
