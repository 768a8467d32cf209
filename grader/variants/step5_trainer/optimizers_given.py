"""Optimizer and schedule handed to the Trainer, labels by a collator function, no progress bar."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, get_constant_schedule


def build_hf_model(vocab_size, *, n_layer=6, n_head=6, n_embd=192, block_size=256, dropout=0.1):
    sizes = {
        "vocab_size": vocab_size,
        "n_positions": block_size,
        "n_embd": n_embd,
        "n_layer": n_layer,
        "n_head": n_head,
    }
    return GPT2LMHeadModel(GPT2Config(**sizes, **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), dropout)))


def collate(rows):
    ids = torch.stack([torch.as_tensor(row["input_ids"]) for row in rows])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone()}


def build_trainer(model, dataset, tokenizer, *, output_dir, epochs=2, batch_size=16, lr=3e-4, weight_decay=0.01,
                  max_norm=1.0, seed=0, logging_steps=50):  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    args = TrainingArguments(
        output_dir, num_train_epochs=epochs, per_device_train_batch_size=batch_size, max_grad_norm=max_norm, seed=seed,
        data_seed=seed, logging_strategy="steps", logging_steps=logging_steps, save_strategy="no", report_to="none",
        eval_strategy="no", dataloader_pin_memory=False, remove_unused_columns=False, disable_tqdm=True,
    )  # fmt: skip
    pair = (optimizer, get_constant_schedule(optimizer))
    return Trainer(model=model, args=args, train_dataset=dataset, data_collator=collate, optimizers=pair)
