"""Several processes behind one place: a parent that is told and asked, workers that carry bytes."""
