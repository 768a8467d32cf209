"""Step 5, solved: the same training by a library. Less code to write, more defaults to know."""

from pathlib import Path

from datasets import Dataset
from transformers import (
    DataCollatorForLanguageModeling,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
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
    config = GPT2Config(
        vocab_size=vocab_size,
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        n_positions=block_size,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        resid_pdrop=dropout,
        bos_token_id=None,  # 50,256 by default: no token of a smaller vocabulary
        eos_token_id=None,
    )
    return GPT2LMHeadModel(config)


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
    if tokenizer.pad_token is None:  # GPT-2's has none; the collator insists on one, though rows here need no pads
        tokenizer.pad_token = tokenizer.eos_token
    arguments = TrainingArguments(
        output_dir=str(output_dir),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch_size,
        learning_rate=lr,
        lr_scheduler_type="constant",  # the default falls to 0 in a straight line
        weight_decay=weight_decay,  # the default is 0
        max_grad_norm=max_norm,
        seed=seed,
        logging_steps=logging_steps,
        save_strategy="no",
        report_to="none",
    )
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)  # labels = input_ids; the model shifts them
    return Trainer(model, arguments, train_dataset=dataset, data_collator=collator)
