"""People and vehicles that leave over the city's roads, while water and cloud change what the roads can carry."""
