"""The wall between the grader and a submission: `rungs` says what this machine can do, `client` runs probes."""
