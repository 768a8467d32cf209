"""The stubs: write your code here, one file a step."""
