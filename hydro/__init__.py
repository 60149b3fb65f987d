"""Rain and terrain and drains give water: depth and speed on the city's ground."""
