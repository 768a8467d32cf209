"""A closure handed to the optimizer, the learning rate as a tensor (in float32, as torch has it), enable_grad."""

import torch


@torch.enable_grad()
def train(
    model, loader, *, epochs=2, lr=3e-4, weight_decay=0.01, max_norm=1.0, device="cpu", log_every=50, on_step=None
):
    model = model.to(device).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=torch.tensor(lr), weight_decay=weight_decay, foreach=False)

    def closure(ids):
        optimizer.zero_grad(set_to_none=False)
        loss = model(ids, labels=ids)[1]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, max_norm)
        return loss

    losses = []
    for epoch in range(epochs):
        begin = len(losses)
        for batch in loader:
            ids = batch["input_ids"].to(device)
            losses.append(float(optimizer.step(lambda ids=ids: closure(ids)).detach()))
            here = losses[begin:]
            if log_every and len(here) % log_every == 0:
                print(f"epoch {epoch + 1}/{epochs}: mean {sum(here) / len(here):.3f} after {len(losses)} steps")
            if on_step is not None:
                on_step(len(losses), losses[-1])
    if not losses:
        raise ValueError("the loader gave no batch")
    return losses
