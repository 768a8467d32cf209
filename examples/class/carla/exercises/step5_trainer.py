"""Step 5: the Trainer. The same training by a library: less code to write, more defaults to know.

What it does. `transformers` brings the model of step 1 (GPT2LMHeadModel) and the loop of step 3 (Trainer), with much
that a small loop lacks: several GPUs, mixed precision, checkpoints, logging. You describe the model in a GPT2Config
and the training in TrainingArguments. The two functions here are about 15 lines in all. What takes the time is
knowing what the defaults do.

The model. GPT2Config calls things by its own names:
- n_positions is the block size. n_layer, n_head and n_embd are what they are in step 1.
- dropout has three places, each with its own setting: resid_pdrop (what a block adds to the stream), embd_pdrop (the
  embeddings), attn_pdrop (the attention weights). Each is 0.1 by default: set one and the other two stay as they
  were.
- The head is tied, the weights start from N(0, 0.02): 12,368,064 parameters with 50,257 tokens and the defaults
  below.

The training. Left alone, the Trainer does *not* train as the loop of step 3 does:
- lr_scheduler_type is "linear": the learning rate falls in a straight line to 0. Step 3 keeps it constant. (Warm-up
  is none by default, and stays so.)
- weight_decay is 0, the learning rate 5e-5, there are 3 epochs and 8 rows a batch: pass yours.
- max_grad_norm is 1: pass max_norm all the same.
- it saves a checkpoint every 500 steps, hundreds of megabytes with a large model: save_strategy="no".
- report_to decides which outside services hear of the run. Say "none"; the default has changed between versions.
- the seed of the shuffled order is 42 unless you pass one.

The batches. Rows come as {"input_ids": ...}, without labels. DataCollatorForLanguageModeling stacks them and adds
labels. With mlm=True, its default, it prepares another task: it hides words for a BERT to guess. mlm=False copies
input_ids into labels; the model shifts them, so do not shift by hand. It also wants a tokenizer with a padding token
(GPT-2's has none; taking the end-of-text token for it is the usual way out) and never scores that token.

Two conventions in which transformers 5 and step 3 still differ; either is accepted here
- The Trainer counts all labels of a batch, B * T, and divides the summed loss by that. But the first token of a row
  is never predicted, only B * (T - 1) are scored: reported losses and gradients are (T - 1) / T of the mean. Adam
  hardly notices a constant factor; the log does, and so does a fixed max_norm.
- It spares biases and normalisation layers from weight decay: two parameter groups.

What is checked: the model's size, settings, limit of length and first loss; that every step's loss and the final
weights equal those of a manual loop on the same batches; the learning rate of every step; steps and epochs; that the
order of rows comes from `seed`; what is logged; that nothing is saved or reported.

What usually goes wrong: the defaults above; mlm left on; one of three dropouts; labels shifted twice; the number of
steps passed for the number of epochs.

Hint: print(TrainingArguments("out")) and read it once from top to bottom: it is the list of everything you might
mean.
"""

from pathlib import Path

from datasets import Dataset
from transformers import (
    GPT2LMHeadModel,
    PreTrainedTokenizerBase,
    Trainer,
)


def build_hf_model(
    vocab_size: int,
    *,
    n_layer: int = 6,
    n_head: int = 6,
    n_embd: int = 192,
    block_size: int = 256,
    dropout: float = 0.1,
) -> GPT2LMHeadModel:
    """An untrained GPT-2 of this size: at most `block_size` tokens, `dropout` in all three of its places.

    The head is tied to the token embedding: 12,368,064 parameters with 50,257 tokens and the defaults.
    """
    raise NotImplementedError("step 5: write build_hf_model: describe the model in a GPT2Config")


def build_trainer(
    model: GPT2LMHeadModel,
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    output_dir: str | Path,
    epochs: int = 2,
    batch_size: int = 16,
    lr: float = 3e-4,
    weight_decay: float = 0.01,
    max_norm: float = 1.0,
    seed: int = 0,
    logging_steps: int = 50,
) -> Trainer:
    """A Trainer whose .train() does what step 3 does, on rows {"input_ids": (T,)} in an order drawn from `seed`.

    Nothing is saved in `output_dir` and nothing is reported anywhere. trainer.state.log_history holds the mean loss of
    every `logging_steps` steps.
    """
    raise NotImplementedError("step 5: write build_trainer: describe the training in TrainingArguments")
