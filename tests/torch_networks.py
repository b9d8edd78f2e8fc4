"""Small torch modules, and what must not change about them."""

import torch
from torch import nn


def mlp(n_inputs=5, n_outputs=3, dtype=torch.float32, seed=0, end=()):
    torch.manual_seed(seed)
    hidden = [nn.Linear(n_inputs, 16), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(16)]
    return nn.Sequential(*hidden, nn.Linear(16, n_outputs), *end).to(dtype)


class WithEmbeddings(nn.Module):
    """Numbers and codes."""

    def __init__(self, n_numbers, n_codes, n_outputs=2):
        super().__init__()
        torch.manual_seed(0)
        self.embeddings = nn.ModuleList(nn.Embedding(size, 3) for size in n_codes)
        self.last = nn.Sequential(
            nn.Linear(n_numbers + 3 * len(n_codes), 16), nn.Tanh(), nn.Linear(16, n_outputs)
        )

    def forward(self, numbers, codes):
        parts = [embedding(codes[:, at]) for at, embedding in enumerate(self.embeddings)]
        return self.last(torch.cat([numbers, *parts], dim=1))


class OneNumber(nn.Module):
    """A single squeezed output."""

    def __init__(self, end=None):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.end = nn.Linear(5, 1), end or nn.Identity()

    def forward(self, x):
        return self.end(self.layer(x)).squeeze()


class Greedy(nn.Module):
    """A module for which memory runs out above some number of rows."""

    def __init__(self, inner, most):
        super().__init__()
        self.inner, self.most, self.asked = inner, most, []

    def forward(self, *inputs):
        self.asked.append(len(inputs[0]))
        if len(inputs[0]) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.inner(*inputs)


class Strict(nn.Module):
    """A module that raises for some rows."""

    def __init__(self):
        super().__init__()
        self.inner = mlp()

    def forward(self, x):
        if bool((x > 100).any()):
            raise KeyError("too large")
        return self.inner(x)


def state_of(module):
    """Return all that may not change, as plain values."""
    parts = []
    for part in module.modules():
        own = {
            name: sorted(value) if isinstance(value, dict) else value
            for name, value in vars(part).items()
            if not isinstance(value, list)
        }
        parts.append(repr(own))
    tensors = [
        (name, tensor.data_ptr(), tensor._version, tensor.requires_grad, str(tensor.device))
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]
    ]
    values = [tensor.detach().clone() for tensor in module.state_dict().values()]
    return parts, tensors, values


def same_state(first, second):
    same_values = all(
        torch.equal(one, other) for one, other in zip(first[2], second[2], strict=True)
    )
    return first[:2] == second[:2] and same_values
