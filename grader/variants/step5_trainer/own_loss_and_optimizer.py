"""A Trainer subclass with step 3's own loss and optimizer: no factor (T - 1) / T, decay on every parameter."""

import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments


def build_hf_model(vocab_size, *, n_layer=6, n_head=6, n_embd=192, block_size=256, dropout=0.1):
    config = GPT2Config(vocab_size=vocab_size, n_positions=block_size, n_embd=n_embd, n_layer=n_layer, n_head=n_head)
    config.update({"resid_pdrop": dropout, "embd_pdrop": dropout, "attn_pdrop": dropout})
    return GPT2LMHeadModel(config)


class PlainTrainer(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        outputs = model(input_ids=inputs["input_ids"])
        loss = F.cross_entropy(outputs.logits[:, :-1].transpose(1, 2), inputs["input_ids"][:, 1:])
        return (loss, outputs) if return_outputs else loss

    def create_optimizer(self, model=None):
        args = self.args
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=args.learning_rate, weight_decay=args.weight_decay
        )
        return self.optimizer


def build_trainer(
    model,
    dataset,
    tokenizer,
    *,
    output_dir,
    epochs=2,
    batch_size=16,
    lr=3e-4,
    weight_decay=0.01,
    max_norm=1.0,
    seed=0,
    logging_steps=50,
):
    args = TrainingArguments(
        output_dir=output_dir,
        num_train_epochs=float(epochs),
        per_device_train_batch_size=batch_size,
        learning_rate=lr,
        lr_scheduler_type="constant",
        weight_decay=weight_decay,
        max_grad_norm=max_norm,
        seed=seed,
        logging_steps=logging_steps,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    return PlainTrainer(model=model, args=args, train_dataset=dataset)
