"""Toy worlds with a known truth, for the graded suites. Nothing here gives away an answer."""
