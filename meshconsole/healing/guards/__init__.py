"""How far healing may go: policies, maintenance windows, protected hours, kill switches."""
