"""The steps, solved. Read a file after you have written your own."""
