"""Single operations. Each formulation is given the work and its arrays, and returns a function that does the work once."""

import torch
import torch.nn.functional as F


def inference(prepare):
    """The function that `prepare` returns, without gradients."""

    def prepared(work, arrays):
        with torch.inference_mode():
            run = prepare(work, arrays)

        def once():
            with torch.inference_mode():
                return run()

        return once

    return prepared


# Matrix product: b is a weight.


@inference
def linear(work, arrays):
    a, weight = arrays["a"], arrays["b"].t().contiguous()
    return lambda: F.linear(a, weight)


@inference
def mm(work, arrays):
    a, b = arrays["a"], arrays["b"]
    return lambda: torch.mm(a, b)


@inference
def packed_mkl(work, arrays):
    """What torch.compile makes of a frozen linear layer in f32."""
    a, weight = arrays["a"], arrays["b"].t().contiguous()
    rows = a.shape[0]
    packed = torch.ops.mkl._mkl_reorder_linear_weight(weight.to_mkldnn(), rows)
    return lambda: torch.ops.mkl._mkl_linear(a, packed, weight, None, rows)


@inference
def packed_onednn(work, arrays):
    a, weight = arrays["a"], arrays["b"].t().contiguous()
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.to_mkldnn(), a.shape[0])
    return lambda: torch.ops.mkldnn._linear_pointwise(a, packed, None, "none", [], "")


# Attention, [1, head, position, width].


def roles(work, arrays):
    if "window" in work:
        raise NotImplementedError("no window")
    return [arrays[name].unsqueeze(0) for name in ("query", "key", "value")]


def sdpa(work, arrays):
    query, key, value = roles(work, arrays)
    causal = work["causal"]
    if not work["gradient"]:

        def forward():
            with torch.inference_mode():
                return F.scaled_dot_product_attention(query, key, value, is_causal=causal)

        return forward
    upstream = arrays["outputGradient"].unsqueeze(0)
    for role in (query, key, value):
        role.requires_grad_()

    def backward():
        output = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return torch.autograd.grad(output, (query, key, value), upstream)

    return backward


def steps(work, arrays):
    """Scores, softmax and mix, one after the other."""
    query, key, value = roles(work, arrays)
    if work["length"] > 2048:
        raise MemoryError("the filter does not fit")
    scale = work["width"] ** -0.5
    mask = torch.ones(work["length"], work["length"], dtype=torch.bool).triu(1) if work["causal"] else None

    def forward():
        scores = torch.matmul(query * scale, key.transpose(-1, -2))
        if mask is not None:
            scores = scores.masked_fill(mask, float("-inf"))
        return torch.matmul(torch.softmax(scores, -1), value)

    if not work["gradient"]:
        return lambda: torch.inference_mode()(forward)()
    upstream = arrays["outputGradient"].unsqueeze(0)
    for role in (query, key, value):
        role.requires_grad_()
    return lambda: torch.autograd.grad(forward(), (query, key, value), upstream)


# Rows.


@inference
def rows(work, arrays):
    a = arrays["a"]
    match work["operation"]:
        case "add":
            b = arrays["b"]
            return lambda: a + b
        case "gelu":
            return lambda: F.gelu(a)
        case "softmax":
            return lambda: torch.softmax(a, -1)
        case "norm":
            scale, shift = arrays["scale"], arrays["shift"]
            return lambda: F.layer_norm(a, a.shape[-1:], scale, shift, 1e-5)


@inference
def add(work, arrays):
    a, b = arrays["a"], arrays["b"]
    return lambda: a + b


FORMULATIONS = {
    "matmul": {
        "F.linear": linear,
        "mm": mm,
        "MKL, packed": packed_mkl,
        "oneDNN, packed": packed_onednn,
    },
    "attention": {"scaled_dot_product_attention": sdpa, "matmul, softmax, matmul": steps},
    "rows": {"fused": rows},
    "add": {"add": add},
}
