"""Who moves the water: the schemes, what they are given at the rim, and its checks."""
