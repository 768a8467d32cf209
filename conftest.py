"""Loads the grader's pytest plugin; nothing else."""

pytest_plugins = ["grader.plugin"]
