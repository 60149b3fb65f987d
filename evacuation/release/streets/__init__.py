"""The street form of the release: well-mixed boxes of air in the city's streets, joined at its junctions."""
