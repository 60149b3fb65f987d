"""From a run to a plan: draft tasks, who could do them in time, approval."""
