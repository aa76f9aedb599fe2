"""Layers and models. Weights come as [in, out]; PyTorch's linear layers want [out, in]."""

import torch
import torch.nn.functional as F
from torch import nn

from works import inference


class Layer:
    """An encoder layer's weights, with query, key and value in one."""

    def __init__(self, arrays, at=""):
        of = lambda name: arrays[at + name]
        turned = lambda name: of(name).t().contiguous()
        roles = ("query", "key", "value")
        self.roles = torch.cat([of(f"{role}Weight") for role in roles], 1).t().contiguous()
        self.roles_bias = torch.cat([of(f"{role}Bias") for role in roles])
        self.output, self.output_bias = turned("outputWeight"), of("outputBias")
        self.hidden, self.hidden_bias = turned("hiddenWeight"), of("hiddenBias")
        self.projection, self.projection_bias = turned("projectionWeight"), of("projectionBias")
        self.attention_norm = (of("attentionNormScale"), of("attentionNormShift"))
        self.norm = (of("normScale"), of("normShift"))


def norm(x, parameters, epsilon):
    return F.layer_norm(x, x.shape[-1:], *parameters, epsilon)


def split(x, heads):
    """[batch, position, 3 × width] -> query, key, value, each [batch, head, position, width of a head]."""
    batch, length, width = x.shape
    return x.view(batch, length, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4).unbind(0)


def join(x):
    batch, heads, length, width = x.shape
    return x.transpose(1, 2).reshape(batch, length, heads * width)


def encode(layer, x, heads):
    """BERT's layer: norms after the residual sums, exact GELU."""
    mixed = join(F.scaled_dot_product_attention(*split(F.linear(x, layer.roles, layer.roles_bias), heads)))
    x = norm(x + F.linear(mixed, layer.output, layer.output_bias), layer.attention_norm, 1e-12)
    inner = F.gelu(F.linear(x, layer.hidden, layer.hidden_bias))
    return norm(x + F.linear(inner, layer.projection, layer.projection_bias), layer.norm, 1e-12)


def module_of(work, arrays, at=""):
    """nn.TransformerEncoderLayer, whose fast path is one native call."""
    own = Layer(arrays, at)
    module = nn.TransformerEncoderLayer(
        work["width"],
        work["heads"],
        work["hidden"],
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=1e-12,
        batch_first=True,
    )
    state = {
        "self_attn.in_proj_weight": own.roles,
        "self_attn.in_proj_bias": own.roles_bias,
        "self_attn.out_proj.weight": own.output,
        "self_attn.out_proj.bias": own.output_bias,
        "linear1.weight": own.hidden,
        "linear1.bias": own.hidden_bias,
        "linear2.weight": own.projection,
        "linear2.bias": own.projection_bias,
        "norm1.weight": own.attention_norm[0],
        "norm1.bias": own.attention_norm[1],
        "norm2.weight": own.norm[0],
        "norm2.bias": own.norm[1],
    }
    module.load_state_dict(state)
    return module.eval()


@inference
def layer_steps(work, arrays):
    own, x = Layer(arrays), arrays["x"].unsqueeze(0)
    return lambda: encode(own, x, work["heads"])


@inference
def layer_module(work, arrays):
    module, x = module_of(work, arrays), arrays["x"].unsqueeze(0)
    return lambda: module(x)


def embed(work, arrays):
    """The function from ids to the first layer's input."""
    place = arrays["position"] + arrays["type"][0]
    parameters = (arrays["embeddingNormScale"], arrays["embeddingNormShift"])
    return lambda ids: norm(F.embedding(ids, arrays["word"]) + place, parameters, 1e-12)


def pool(x):
    return F.normalize(x.mean(1), dim=-1)


@inference
def encoder_steps(work, arrays):
    layers = [Layer(arrays, f"layer{at}.") for at in range(work["layers"])]
    first, ids = embed(work, arrays), arrays["ids"]

    def run():
        x = first(ids)
        for layer in layers:
            x = encode(layer, x, work["heads"])
        return pool(x)

    return run


@inference
def encoder_module(work, arrays):
    layers = [module_of(work, arrays, f"layer{at}.") for at in range(work["layers"])]
    first, ids = embed(work, arrays), arrays["ids"]

    def run():
        x = first(ids)
        for layer in layers:
            x = layer(x)
        return pool(x)

    return run


# Training.


def train(how):
    def prepare(work, arrays):
        heads, batch, context = work["heads"], work["batch"], work["context"]
        batches = [
            arrays[name].reshape(batch, context + 1).long() for name in arrays if name.startswith("batch.")
        ]
        parameters = {
            name: value.t().contiguous().requires_grad_()
            if value.dim() == 2 and name.startswith("layer")
            else value.requires_grad_()
            for name, value in arrays.items()
            if not name.startswith("batch.")
        }
        layers = []
        for at in range(work["layers"]):
            of = lambda name: parameters[f"layer{at}.{name}"]
            layers.append({name: of(name) for name in TRAINED})
        matrices = [value for value in parameters.values() if value.dim() == 2]
        others = [value for value in parameters.values() if value.dim() != 2]
        optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
            lr=1e-3,
            betas=(0.9, 0.99),
            eps=1e-8,
            **how,
        )

        def headed(x):
            return x.view(batch, context, heads, -1).transpose(1, 2)

        def normed(x, scale):
            return F.layer_norm(x, x.shape[-1:], scale, None, 1e-5)

        def loss_of(tokens):
            x = F.embedding(tokens[:, :-1], parameters["embedding"]) + parameters["position"]
            for own in layers:
                y = normed(x, own["attentionNormScale"])
                roles = [headed(F.linear(y, own[f"{role}Weight"])) for role in ("query", "key", "value")]
                mixed = F.scaled_dot_product_attention(*roles, is_causal=True)
                x = x + F.linear(join(mixed), own["outputWeight"])
                y = normed(x, own["hiddenNormScale"])
                x = x + F.linear(F.gelu(F.linear(y, own["hiddenWeight"])), own["projectionWeight"])
            logits = F.linear(normed(x, parameters["normScale"]), parameters["embedding"])
            return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

        losses = []

        def run():
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(batches[len(losses) % len(batches)])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            return torch.tensor(losses)

        return run

    return prepare


TRAINED = (
    "attentionNormScale",
    "queryWeight",
    "keyWeight",
    "valueWeight",
    "outputWeight",
    "hiddenNormScale",
    "hiddenWeight",
    "projectionWeight",
)


# Writing on.


@inference
def decode(work, arrays):
    if work["weights"] != "f32":
        raise NotImplementedError("only f32")
    heads, prompt = work["heads"], work["prompt"]
    layers = [Layer(arrays, f"layer{at}.") for at in range(work["layers"])]
    embedding, position, ids = arrays["embedding"], arrays["position"], arrays["ids"].long()
    last = (arrays["normScale"], arrays["normShift"])
    room = (2, work["layers"], 1, heads, prompt + work["tokens"], work["width"] // heads)
    keys, values = torch.zeros(room)

    def step(given, at):
        """The logits of the last of the given ids, which stand from `at` on."""
        end = at + given.shape[0]
        x = (F.embedding(given, embedding) + position[at:end]).unsqueeze(0)
        for number, layer in enumerate(layers):
            y = norm(x, layer.attention_norm, 1e-5)
            query, key, value = split(F.linear(y, layer.roles, layer.roles_bias), heads)
            keys[number, :, :, at:end] = key
            values[number, :, :, at:end] = value
            mixed = F.scaled_dot_product_attention(
                query, keys[number, :, :, :end], values[number, :, :, :end], is_causal=at == 0
            )
            x = x + F.linear(join(mixed), layer.output, layer.output_bias)
            y = norm(x, layer.norm, 1e-5)
            inner = F.gelu(F.linear(y, layer.hidden, layer.hidden_bias), approximate="tanh")
            x = x + F.linear(inner, layer.projection, layer.projection_bias)
        return F.linear(norm(x[:, -1], last, 1e-5), embedding)[0]

    step(ids[:prompt], 0)

    def run():
        given, first = ids[prompt:], None
        for at in range(prompt, prompt + work["tokens"]):
            logits = step(given, at)
            first = logits if first is None else first
            given = logits.argmax(keepdim=True)
        return first

    return run


FORMULATIONS = {
    "layer": {"steps": layer_steps, "nn.TransformerEncoderLayer": layer_module},
    "encoder": {"steps": encoder_steps, "nn.TransformerEncoderLayer": encoder_module},
    "train": {"AdamW(fused)": train({"fused": True}), "AdamW(foreach)": train({"foreach": True})},
    "decode": {"steps": decode},
}
