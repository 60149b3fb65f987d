"""Live counts: what counters tell, which of them cannot be believed, and what comes next, with its error."""
