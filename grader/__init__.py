"""Runs the graded suites and says what stands, what does not, and why."""
