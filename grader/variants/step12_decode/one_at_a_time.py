"""Beam search with a heap, asking for one hypothesis at a time; greedy that decodes the unfinished rows alone."""

import heapq

import torch


def mask(size, like):
    place = torch.arange(size, device=like.device)
    return (place <= place[:, None])[None].expand(len(like), -1, -1)


def greedy_decode(model, src, src_mask, *, max_len, bos, eos, pad=0):
    with torch.no_grad():
        memory = model.encode(src, src_mask)
        out = torch.full((src.shape[0], max(max_len, 1)), pad, dtype=torch.int64, device=src.device)
        out[:, 0] = bos
        going = torch.arange(src.shape[0], device=src.device)
        used = 1
        for place in range(1, max_len):
            if not len(going):
                break
            seen = out[going, :place]
            said = model.decode(memory[going], src_mask[going], seen, mask(place, seen))[:, -1].max(dim=-1).indices
            out[going, place] = said
            going = going[said != eos]
            used = place + 1
    return out[:, :used]


def beam_search(model, src, src_mask, *, max_len, bos, eos, beam=4, length_penalty=0.0):
    def value(total, tokens):
        return total / max(1, len(tokens) - 1) ** length_penalty

    with torch.no_grad():
        memory = model.encode(src, src_mask)
        active, complete = [(0.0, (bos,))], []
        while active and len(active[0][1]) < max_len:
            pool = []
            for total, tokens in active:
                seen = torch.tensor([tokens], device=src.device)
                row = model.decode(memory, src_mask, seen, mask(len(tokens), seen))[0, -1]
                for word, gain in enumerate(row.tolist()):
                    pool.append((total + gain, (*tokens, word)))
            complete += [item for item in heapq.nlargest(beam, pool) if item[1][-1] == eos]
            active = heapq.nlargest(beam, [item for item in pool if item[1][-1] != eos])
            if length_penalty >= 0 and complete and active:
                best = max(value(*item) for item in complete)
                if active[0][0] / (max_len - 1) ** length_penalty <= best:
                    active = []
    total, tokens = max(complete + active, key=lambda item: value(*item))
    return list(tokens)
