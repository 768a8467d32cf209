"""Clipping by hand without an epsilon, gradients cleared after the step, a while loop, the mean of a list."""

import torch


def train(
    model, loader, *, epochs=2, lr=3e-4, weight_decay=0.01, max_norm=1.0, device="cpu", log_every=50, on_step=None
):
    model = model.to(device)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay, foreach=False)
    for parameter in parameters:
        parameter.grad = None
    history = []
    while epochs > 0:
        epoch = []
        for batch in loader:
            model.train()
            ids = batch["input_ids"].to(device)
            loss = model(ids, ids)[1]
            loss.backward()
            norm = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]).norm()
            if norm > max_norm:
                for parameter in parameters:
                    if parameter.grad is not None:
                        parameter.grad *= max_norm / norm
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
            epoch.append(float(loss))
            if on_step is not None:
                on_step(len(history) + len(epoch), epoch[-1])
            if log_every > 0 and (len(history) + len(epoch)) % log_every == 0:
                print("running mean", round(sum(epoch) / len(epoch), 2))
        if not epoch:
            raise ValueError("empty loader")
        history = history + epoch
        epochs -= 1
    return history
