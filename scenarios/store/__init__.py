"""Records: what must outlive a process."""
