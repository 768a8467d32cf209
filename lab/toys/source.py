"""Text from a source whose entropy is known exactly: no honest model can predict it better than that."""

import torch


class MarkovSource:
    """A first-order Markov chain over `n_states` tokens, every row of its transition table drawn from `seed`.

    The entropy rate is sum_i pi_i * H(P[i]) with pi the stationary distribution (Cover & Thomas, Elements of
    Information Theory, theorem 4.2.4): the least loss in nats per token that a model can reach on its text.
    A smaller `temperature` makes the next token easier to predict.
    """

    def __init__(self, n_states: int, seed: int, temperature: float = 0.5):
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(n_states, n_states, generator=generator, dtype=torch.float64) / temperature
        self.transitions = logits.softmax(-1)  # (V, V): row i is the distribution of what follows i
        self.stationary = torch.matrix_power(self.transitions, 1 << 20)[0]  # every row has converged to pi
        self._generator = generator

    @property
    def entropy(self) -> float:
        """Nats per token."""
        p = self.transitions
        return float((self.stationary * -(p * p.log()).sum(-1)).sum())

    def sample(self, batch: int, length: int) -> torch.Tensor:
        """Fresh sequences (batch, length), int64, each begun from the stationary distribution."""
        ids = torch.empty(batch, length, dtype=torch.long)
        ids[:, 0] = torch.multinomial(self.stationary, batch, replacement=True, generator=self._generator)
        for t in range(1, length):
            ids[:, t] = torch.multinomial(self.transitions[ids[:, t - 1]], 1, generator=self._generator)[:, 0]
        return ids

    def log_probs(self, ids: torch.Tensor) -> torch.Tensor:
        """(B, T) -> (B, T-1): the log-probability of every token but the first, given the one before it."""
        return self.transitions[ids[:, :-1], ids[:, 1:]].log()
