"""The hands proper: one small protocol, and an actuator for each kind of place a process runs in.

An actuator is told one order and sees to it that the order has its effect once, whoever is killed
meanwhile: it is asked for the status before anything is repeated, and says so when it cannot know.
"""
