"""The constant schedule by its other name, unfused AdamW, the tokenizer handed on, dropouts set on the config."""

from transformers import (
    AutoModelForCausalLM,
    DataCollatorForLanguageModeling,
    GPT2Config,
    Trainer,
    TrainingArguments,
)


def build_hf_model(vocab_size, *, n_layer=6, n_head=6, n_embd=192, block_size=256, dropout=0.1):
    config = GPT2Config(vocab_size=vocab_size, n_layer=n_layer, n_head=n_head, n_embd=n_embd, n_positions=block_size)
    config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = dropout
    return AutoModelForCausalLM.from_config(config)


def build_trainer(model, dataset, tokenizer, **options):
    defaults = {"epochs": 2, "batch_size": 16, "lr": 3e-4, "weight_decay": 0.01, "max_norm": 1.0}
    chosen = defaults | {"seed": 0, "logging_steps": 50} | options
    arguments = TrainingArguments(
        output_dir=chosen["output_dir"],
        optim="adamw_torch",
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=0,
        num_train_epochs=chosen["epochs"],
        per_device_train_batch_size=chosen["batch_size"],
        learning_rate=chosen["lr"],
        weight_decay=chosen["weight_decay"],
        max_grad_norm=chosen["max_norm"],
        seed=chosen["seed"],
        logging_steps=chosen["logging_steps"],
        logging_first_step=False,
        save_strategy="no",
        report_to="none",
    )
    return Trainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        processing_class=tokenizer,
        data_collator=DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm=False, return_tensors="pt"),
    )
