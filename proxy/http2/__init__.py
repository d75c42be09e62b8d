"""HTTP/2: framing by the h2 library, which is loaded when the first peer speaks it."""
