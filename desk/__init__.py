"""The decision panel: draws, computes nothing."""
