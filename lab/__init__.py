"""What the lesson stands on when it runs for real: corpora, tokenizers, the full run, plots, toy worlds."""
