"""Rain and terrain and drains give water: depth and speed on the city's ground."""

from hydro.arrays import ArrayRun, Boundary, Inflow, simulate_arrays

__all__ = ["ArrayRun", "Boundary", "Inflow", "simulate_arrays"]
