"""What the crowd suffers: density, pressing, and the level of each zone."""
