"""Step 1, solved: a GPT-2 of the textbook kind, small enough to train on a laptop."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TinyGPTConfig:
    """The sizes of a model; the defaults give the lesson's 12,368,064 parameters."""

    vocab_size: int = 50_257  # V: different tokens
    block_size: int = 256  # the longest text that the model can read, in tokens
    n_layer: int = 6
    n_head: int = 6
    n_embd: int = 192  # C: numbers per token, shared out among the heads
    dropout: float = 0.1


class CausalSelfAttention(nn.Module):
    """Every position gathers what it needs from itself and the positions before it."""

    def __init__(self, config: TinyGPTConfig):
        super().__init__()
        self.n_head, self.dropout = config.n_head, config.dropout
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd)
        self.resid_dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        B, T, C = x.shape
        q, k, v = (
            part.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)  # (B, n_head, T, C / n_head)
            for part in self.c_attn(x).split(C, dim=-1)
        )
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)
        y = y.transpose(1, 2).reshape(B, T, C)  # the heads side by side again
        return self.resid_dropout(self.c_proj(y))


class MLP(nn.Module):
    """Each position by itself thinks over what it has gathered."""

    def __init__(self, config: TinyGPTConfig):
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x))))


class Block(nn.Module):
    """Attention, then the MLP, each added to a stream that it reads through a normalisation (pre-norm)."""

    def __init__(self, config: TinyGPTConfig):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class TinyGPT(nn.Module):
    """A decoder-only language model; raises ValueError unless the heads can share out `n_embd` evenly."""

    def __init__(self, config: TinyGPTConfig):
        super().__init__()
        if config.n_embd % config.n_head != 0:
            raise ValueError(f"n_embd ({config.n_embd}) must be a multiple of n_head ({config.n_head})")
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))  # fresh blocks, not copies of one
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self._init_weights()

    def _init_weights(self) -> None:
        """GPT-2's initialisation: small enough that a tied head starts out undecided, at a loss of ln(V)."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):  # 2 * n_layer of them add to one stream: keep its variance near one
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * self.config.n_layer))

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Score every token of the vocabulary as the next one, at every position.

        input_ids: (B, T) int64, T <= block_size, or ValueError. labels: None or (B, T), usually input_ids itself.
        Returns the logits (B, T, V), and with labels the mean cross-entropy in nats (a scalar): the logits at t are
        scored against the label at t + 1; labels of -100 are not scored.
        """
        T = input_ids.size(1)
        if self.config.block_size < T:
            raise ValueError(f"a text of {T} tokens is longer than block_size ({self.config.block_size})")
        positions = torch.arange(T, device=input_ids.device)
        x = self.drop(self.wte(input_ids) + self.wpe(positions))  # (B, T, C) + (T, C)
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))  # (B, T, V)
        if labels is None:
            return logits, None
        predicted, wanted = logits, labels
        loss = F.cross_entropy(predicted.flatten(0, 1), wanted.flatten(), ignore_index=-100)
        return logits, loss
