"""Pipes and inlets: what goes down, what comes back up, and what the pipes below can carry."""
