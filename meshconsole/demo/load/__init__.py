"""Open-loop load on the sample mesh: it sends at its rate whatever the mesh answers."""
