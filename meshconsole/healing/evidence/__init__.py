"""What callers say: reports as they came, what they add up to, and the forms they come in."""
