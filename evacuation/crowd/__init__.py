"""People in one venue: density, contact force and the risk of a crush."""
