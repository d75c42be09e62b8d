"""Our proxy beside its peers, in one interleaved run, read as ratios.

Machines drift by half from minute to minute and other people work on them, so an absolute figure
says little. Every round measures every contender once, one straight after the other, and what is
judged is the median over the rounds of the ratio within a round. The proxy has one core; the origin
and the load have the other. The figure is CPU per request, read from the kernel, and not requests
per second: that one would judge the load generator too.

*Contender* (`contenders`): a proxy and how it is configured for a role.
*Case* (`cases`): which roles stand in a row, which load comes, what ours must reach.
*Round* (`rounds`): every contender once; a run during which something else took CPU is repeated.
"""
