"""Verification cases by what they are held against."""
