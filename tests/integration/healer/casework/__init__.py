"""The shell of healing, verb by verb, with real rows and an actuator that only remembers."""
