"""Torch networks written in every way, for the tests of the gradient family."""

import torch
from torch import nn
from torch.nn import functional as F

from surrogates.torch import TorchClassifier


class Functional(nn.Module):
    """Activations called as functions."""

    def __init__(self, bias=True):
        super().__init__()
        self.first, self.second = nn.Linear(6, 12, bias=bias), nn.Linear(12, 12, bias=bias)
        self.last = nn.Linear(12, 3, bias=bias)

    def forward(self, x):
        return self.last(torch.relu(self.second(F.relu(self.first(x)))))


class Repeated(Functional):
    """One layer in a loop."""

    n_times = 1

    def forward(self, x):
        x = F.relu(self.first(x))
        for _ in range(self.n_times):
            x = F.relu(self.second(x))
        return self.last(x)


class Reused(Functional):
    """One activation in place, used twice."""

    def __init__(self, bias=True):
        super().__init__(bias)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.last(self.relu(self.second(self.relu(self.first(x)))))


class Twice(nn.Module):
    """One linear layer used twice, and methods of tensors as activations."""

    def __init__(self, bias=True):
        super().__init__()
        self.first, self.last = nn.Linear(6, 6, bias=bias), nn.Linear(6, 3, bias=bias)

    def forward(self, x):
        return self.last(self.first(self.first(x).relu()).relu_())


class Residual(nn.Module):
    """Additions of a layer and what it was given."""

    def __init__(self, bias=True):
        super().__init__()
        self.block, self.last = nn.Linear(6, 6, bias=bias), nn.Linear(6, 3, bias=bias)

    def forward(self, x):
        x = x + F.relu(self.block(x))
        return self.last(F.relu(self.block(x)) + x)


class Joined(nn.Module):
    """Split and concatenated."""

    def __init__(self, bias=True):
        super().__init__()
        self.deep, self.last = nn.Linear(3, 5, bias=bias), nn.Linear(11, 3, bias=bias)

    def forward(self, x):
        left, _ = x.split(3, dim=1)
        return self.last(torch.cat([F.leaky_relu(self.deep(left)), x], dim=1))


class Convolution(nn.Module):
    """A scan over the columns."""

    def __init__(self, bias=True):
        super().__init__()
        self.scan = nn.Conv1d(1, 4, 3, padding=1, bias=bias)
        self.last = nn.Linear(24, 3, bias=bias)

    def forward(self, x):
        return self.last(F.relu(self.scan(x.unsqueeze(1))).flatten(1))


class Widened(nn.Module):
    """A transposed convolution and an interpolation, clamped."""

    def __init__(self):
        super().__init__()
        self.scan, self.last = nn.ConvTranspose1d(1, 2, 3, stride=2), nn.Linear(52, 3)

    def forward(self, x):
        wide = F.interpolate(self.scan(x.unsqueeze(1)).clamp(min=0), scale_factor=2)
        return self.last(wide.flatten(1).clamp_min(0.0))


class Bags(nn.Module):
    """Numbers, and the mean of the rows of all codes."""

    def __init__(self, n_codes, mode):
        super().__init__()
        self.bag, self.last = nn.EmbeddingBag(max(n_codes), 3, mode=mode), nn.Linear(5, 2)

    def forward(self, numbers, codes):
        return self.last(F.relu(torch.cat([numbers, self.bag(codes)], dim=1)))


class Matrices(nn.Module):
    """Weights without layers, and numbers in the forward pass."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Parameter(torch.randn(6, 9)), nn.Parameter(torch.randn(9, 3))
        self.shift = nn.Parameter(torch.randn(9))

    def forward(self, x):
        hidden = F.relu((x - 0.5) * 2.0 @ self.first + self.shift)
        hidden = hidden * 0.5
        hidden += 1.0
        return (1.0 - hidden) @ self.last


class Squeezed(nn.Module):
    """A single output without an axis, and a single row without one either."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 4), nn.Linear(4, 1)

    def forward(self, x):
        n_rows = x.shape[0]
        return self.last(F.relu(self.first(x)).view(n_rows, 4)).squeeze()


class Pooled(nn.Module):
    """Convolutions in two dimensions with something in between."""

    def __init__(self, pool, n_left):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.pool, self.last = pool, nn.Linear(n_left, 3)

    def forward(self, x):
        images = F.pad(x, (0, 10)).view(-1, 1, 4, 4)
        pooled = self.pool(F.relu(self.first(images)))
        return self.last(F.relu(self.second(pooled)).flatten(1))


class Attentive(nn.Module):
    """Attention over a single token."""

    def __init__(self):
        super().__init__()
        self.attend, self.last = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        x = x[:, None, :]
        return self.last(self.attend(x, x, x, need_weights=False)[0][:, 0])


class Tokens(nn.Module):
    """Two tokens of three numbers, through a module."""

    def __init__(self, make):
        super().__init__()
        self.first, self.inner, self.last = nn.Linear(6, 6), make(), nn.Linear(6, 3)

    def forward(self, x):
        return self.last(self.inner(self.first(x).unflatten(1, (2, 3))).flatten(1))


class Attention(nn.Module):
    """Attention written by hand, with its product in one call."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))

    def forward(self, x):
        return F.scaled_dot_product_attention(*(part(x) for part in self.parts))


class Heads(nn.Module):
    """Queries of its own, and the weights of the attention."""

    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(3, 3, batch_first=True, bias=False)
        self.queries = nn.Parameter(torch.randn(1, 2, 3))

    def forward(self, x):
        found, weights = self.attend(self.queries.expand(len(x), -1, -1), x, x)
        return found + weights.sum(dim=-1, keepdim=True) * weights[:, :, :1]


class Scans(nn.Module):
    """A scan over the columns with something above."""

    def __init__(self, above):
        super().__init__()
        self.scan, self.above, self.last = nn.Conv1d(1, 4, 3, padding=1), above, nn.LazyLinear(3)
        self(torch.zeros(2, 6))

    def forward(self, x):
        return self.last(F.relu(self.above(self.scan(x.unsqueeze(1)))).flatten(1))


class Calls(nn.Module):
    """A function between two layers."""

    def __init__(self, function):
        super().__init__()
        self.first, self.last, self.function = nn.Linear(6, 6), nn.Linear(6, 3), function

    def forward(self, x):
        return self.last(self.function(self.first(x)))


class Mixed(nn.Module):
    """Numbers and embeddings of three coded columns, two of them in one table of rows."""

    def __init__(self, n_codes):
        super().__init__()
        self.first = nn.Embedding(n_codes[0], 3)
        self.others = nn.Embedding(sum(n_codes[1:]), 2)
        self.start = n_codes[1]
        self.body = nn.Sequential(nn.Linear(2 + 3 + 4, 10), nn.ReLU(), nn.Linear(10, 2))

    def forward(self, numbers, codes):
        shifted = codes[:, 1:] + torch.tensor([0, self.start])
        rows = [self.first(codes[:, 0]), self.others(shifted).flatten(1)]
        return self.body(torch.cat([numbers, *rows], dim=1))


class CodesAsNumbers(nn.Module):
    """Codes that are looked up, and calculated with."""

    def __init__(self):
        super().__init__()
        self.rows, self.last = nn.Embedding(4, 2), nn.Linear(7, 2)

    def forward(self, numbers, codes):
        parts = [self.rows(codes[:, 0]), codes.float(), numbers]
        return self.last(torch.cat(parts, dim=1))


class Squared(torch.autograd.Function):
    """A function with its own derivative, which no mode sees."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] * grad


def chain(activation, bias=True):
    return nn.Sequential(
        nn.Linear(6, 12, bias=bias),
        activation(),
        nn.Linear(12, 12, bias=bias),
        activation(),
        nn.Linear(12, 3, bias=bias),
    )


def normalised():
    module = nn.Sequential(
        nn.BatchNorm1d(6),
        nn.Linear(6, 12),
        nn.BatchNorm1d(12),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(12, 3),
    )
    for _ in range(3):
        module(3.0 * torch.randn(50, 6) + 1.0)
    return module


def seeded(make, *args):
    """Return a module in double precision, with the same weights every time."""
    torch.manual_seed(0)
    return make(*args).double()


PIECEWISE = {
    "functional": (Functional,),
    "reused": (Reused,),
    "twice": (Twice,),
    "residual": (Residual,),
    "joined": (Joined,),
    "convolution": (Convolution,),
    "matrices": (Matrices,),
    "normalised": (normalised,),
    **{
        one.__name__: (chain, one)
        for one in (nn.ReLU, nn.LeakyReLU, nn.Hardtanh, nn.ReLU6, nn.PReLU)
    },
}
SMOOTH = {
    one.__name__: (chain, one)
    for one in (
        *(nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.ELU, nn.SELU, nn.CELU),
        *(nn.Mish, nn.Hardswish, nn.LogSigmoid, nn.Softsign),
    )
}


def wrapped(module, **options):
    return TorchClassifier(module, classes=["a", "b", "c"], **options)


def as_torch(model, dtype=torch.float64):
    """Return the torch module with the weights of a network of scikit-learn."""
    kinds = {"relu": nn.ReLU, "tanh": nn.Tanh, "logistic": nn.Sigmoid}
    layers = []
    for coef, intercept in zip(model.coefs_, model.intercepts_, strict=True):
        layer = nn.Linear(*coef.shape)
        layer.weight.data, layer.bias.data = torch.tensor(coef.T), torch.tensor(intercept)
        layers += [layer, kinds[model.activation]()]
    return nn.Sequential(*layers[:-1]).to(dtype)


def state_of(module):
    parts = [
        (part.training, sorted(part.__dict__), len(part._forward_hooks), len(part._backward_hooks))
        for part in module.modules()
    ]
    flags = [(one.requires_grad, one.grad is None) for one in module.parameters()]
    return parts, flags, {name: value.clone() for name, value in module.state_dict().items()}


def assert_untouched(module, before):
    after = state_of(module)
    assert after[:2] == before[:2]
    assert all(torch.equal(after[2][name], value) for name, value in before[2].items())
