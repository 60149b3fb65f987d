"""Live counts of persons: what is expected next, how sure that is, and which counters are not to be believed."""
