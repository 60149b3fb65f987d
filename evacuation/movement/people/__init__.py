"""Who leaves, when and to where."""
