"""Some 800 requests and answers that a proxy must refuse, or pass on as exactly these bytes."""
