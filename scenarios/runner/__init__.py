"""Running cases: identity, child processes, run folders, comparison."""
