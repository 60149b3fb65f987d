"""The city's ground under the water: its surface, its soil, and works upon it."""
