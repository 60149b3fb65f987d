"""Linjiang 临江: an invented river city, and the program that makes it."""
