"""Rain and terrain and drains give water: depth and speed on the city's ground."""

from hydro.arrays import ArrayRun, simulate_arrays
from hydro.schemes.boundaries import Boundary, Inflow

__all__ = ["ArrayRun", "Boundary", "Inflow", "simulate_arrays"]
