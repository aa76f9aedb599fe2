"""Writes reference.json: losses and their gradients in float64, by PyTorch and by sentence-transformers' own classes.

    pip install torch sentence-transformers
    python reference.py

Where sentence-transformers has a loss, the number is its class's; the others are PyTorch, written plainly.
Inputs are drawn on the grid of float32, so that every implementation reads the same numbers.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sentence_transformers.cross_encoder.losses import ListNetLoss, RankNetLoss
from sentence_transformers.sentence_transformer.losses import (
    CoSENTLoss,
    CosineSimilarityLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
    TripletDistanceMetric,
    TripletLoss,
)
from sentence_transformers.util import dot_score

torch.set_default_dtype(torch.float64)
random = np.random.default_rng(15)
cases = []


def draw(*shape, low=-1.0, high=1.0):
    return torch.tensor(random.uniform(low, high, shape).astype(np.float32).astype(np.float64))


def numbers(tensor):
    return [x if math.isfinite(x) else str(x) for x in tensor.detach().reshape(-1).tolist()]


def case(name, of, loss, learned, constants=None, options=None):
    """`learned` have gradients, `constants` have none."""
    learned = {key: value.clone().requires_grad_() for key, value in learned.items()}
    constants = constants or {}
    value = loss(**learned, **constants)
    value.backward()
    cases.append(
        {
            "name": name,
            "of": of,
            "options": options or {},
            "learned": {k: {"shape": list(v.shape), "values": numbers(v)} for k, v in learned.items()},
            "constants": {k: {"shape": list(v.shape), "values": numbers(v)} for k, v in constants.items()},
            "loss": value.item(),
            "gradients": {k: numbers(v.grad) for k, v in learned.items()},
        }
    )


class Same(torch.nn.Module):
    """Stands for the model of a loss: what it is given are the vectors already."""

    def get_embedding_dimension(self):
        return width

    def forward(self, features):
        return {"sentence_embedding": features["sentence_embedding"]}


def vectors(loss, *embeddings, labels=None):
    return loss([{"sentence_embedding": one} for one in embeddings], labels)


batch, width = 5, 6
pair = lambda: {"a": draw(batch, width), "b": draw(batch, width)}
st = "sentence-transformers"

# In-batch negatives.
for name, extra, options in [
    ("in-batch", 0, {}),
    ("in-batch-scale", 0, {"scale": 5}),
    ("in-batch-dot", 0, {"comparison": "dot", "scale": 1}),
    ("in-batch-negatives", 7, {}),
    ("in-batch-symmetric", 0, {"symmetric": True}),
    ("in-batch-symmetric-negatives", 5, {"symmetric": True, "scale": 3}),
]:
    loss = MultipleNegativesRankingLoss(
        Same(),
        scale=options.get("scale", 20),
        **({"similarity_fct": dot_score} if options.get("comparison") == "dot" else {}),
        **(
            {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
            if options.get("symmetric")
            else {}
        ),
    )
    learned = {**pair(), **({"negatives": draw(extra, width)} if extra else {})}
    case(name, st, lambda a, b, negatives=None, loss=loss: vectors(loss, *[x for x in (a, b, negatives) if x is not None]), learned, options=options)


# Images and texts.
def clip(a, b, log_scale):
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    logits = log_scale.clamp(max=math.log(100)).exp() * a @ b.T
    target = torch.arange(len(a))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def siglip(a, b, log_scale, bias):
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    logits = log_scale.exp() * a @ b.T + bias
    z = 2 * torch.eye(len(a)) - 1
    return -F.logsigmoid(z * logits).sum() / len(a)


scale = lambda value: torch.tensor(np.float64(np.float32(math.log(value))))
case("clip", "PyTorch", clip, {**pair(), "log_scale": scale(1 / 0.07)})
case("clip-largest-scale", "PyTorch", clip, {**pair(), "log_scale": scale(150)})
case("siglip", "PyTorch", siglip, {**pair(), "log_scale": scale(10), "bias": torch.tensor(-10.0)})

# Similarities.
case(
    "cosent",
    st,
    lambda a, b, targets: vectors(CoSENTLoss(Same()), a, b, labels=targets),
    pair(),
    {"targets": torch.tensor([0.0, 0.5, 0.5, 0.25, 1.0])},
)
case(
    "cosent-scale",
    st,
    lambda a, b, targets: vectors(CoSENTLoss(Same(), scale=2), a, b, labels=targets),
    pair(),
    {"targets": torch.tensor([4.0, 3.0, 3.0, 5.0, 0.0])},
    {"scale": 2},
)
case(
    "cosent-equal",
    st,
    lambda a, b, targets: vectors(CoSENTLoss(Same()), a, b, labels=targets),
    pair(),
    {"targets": torch.ones(batch)},
)
case(
    "cosine-similarity",
    st,
    lambda a, b, targets: vectors(CosineSimilarityLoss(Same()), a, b, labels=targets),
    pair(),
    {"targets": draw(batch)},
)
for name, metric, options in [
    ("triplet-euclidean", TripletDistanceMetric.EUCLIDEAN, {}),
    ("triplet-margin", TripletDistanceMetric.EUCLIDEAN, {"margin": 0.25}),
    ("triplet-cosine", TripletDistanceMetric.COSINE, {"distance": "cosine"}),
]:
    margin = options.get("margin", 0.5 if options.get("distance") == "cosine" else 5)
    loss = TripletLoss(Same(), distance_metric=metric, triplet_margin=margin)
    # F.pairwise_distance adds 1e-6 to each difference; without it for the plain distance.
    if metric == TripletDistanceMetric.EUCLIDEAN:
        loss.distance_metric = lambda x, y: F.pairwise_distance(x, y, p=2, eps=0)
    case(name, st, lambda a, b, negatives, loss=loss: vectors(loss, a, b, negatives), {**pair(), "negatives": draw(batch, width)}, options=options)
for name, options in [
    ("matryoshka", {"dimensions": [6, 3, 1]}),
    ("matryoshka-weights", {"dimensions": [6, 2], "weights": [1, 0.25]}),
]:
    model = Same()
    loss = MatryoshkaLoss(
        model,
        MultipleNegativesRankingLoss(model),
        matryoshka_dims=options["dimensions"],
        matryoshka_weights=options.get("weights"),
    )
    case(name, st, lambda a, b, loss=loss: vectors(loss, a, b), pair(), options=options)


# Distillation.
def soft(student, teacher, temperature):
    kl = F.kl_div(
        F.log_softmax(student / temperature, -1), F.softmax(teacher / temperature, -1), reduction="batchmean"
    )
    return kl * temperature**2


logits = lambda: {"student": draw(batch, 4, low=-4, high=4)}
case("distill-logits", "PyTorch", lambda student, teacher: soft(student, teacher, 2), logits(), {"teacher": draw(batch, 4, low=-4, high=4)})
case(
    "distill-logits-labels",
    "PyTorch",
    lambda student, teacher, labels: 0.75 * soft(student, teacher, 4)
    + 0.25 * F.cross_entropy(student, labels.long()),
    logits(),
    {"teacher": draw(batch, 4, low=-4, high=4), "labels": torch.tensor([0.0, 3, -100, 2, 2])},
    {"temperature": 4, "labelShare": 0.25},
)
case("distill-squares", "PyTorch", lambda a, teacher: F.mse_loss(a, teacher), {"a": draw(batch, width)}, {"teacher": draw(batch, width)}, {"kind": "squares"})
case(
    "distill-cosine",
    "PyTorch",
    lambda a, teacher: F.cosine_embedding_loss(a, teacher, torch.ones(batch)),
    {"a": draw(batch, width)},
    {"teacher": draw(batch, width)},
    {"kind": "cosine"},
)


def matrix(x):
    x = F.normalize(x, dim=-1)
    return x @ x.T


case(
    "distill-similarities",
    "PyTorch",
    lambda a, teacher: F.mse_loss(matrix(a), matrix(teacher)),
    {"a": draw(batch, width)},
    {"teacher": draw(batch, 9)},
    {"kind": "similarities"},
)


# Ranking. The second query has two documents, the rest of its row is filled up.
class Scores(torch.nn.Module):
    """Stands for a cross-encoder: gives the scores that it was given."""

    num_labels = 1
    device = "cpu"

    def __init__(self, scores):
        super().__init__()
        self.scores, self.next = scores, 0

    def preprocess(self, pairs, prompt=None, task=None):
        return {"pairs": torch.zeros(len(pairs))}

    def forward(self, tokens):
        count = len(tokens["pairs"])
        self.next += count
        return {"scores": self.scores[self.next - count : self.next]}


relevance = torch.tensor([[0.0, 2, 1, 0], [0, 1, -math.inf, -math.inf], [1, 0, 0, 0]])
real = relevance > -math.inf
documents = [["d"] * int(row.sum()) for row in real]
labels = [row[is_real] for row, is_real in zip(relevance, real)]


def ranked(make, scores, dtype=None):
    # These classes compute in the dtype that float() names.
    float_of, torch.Tensor.float = torch.Tensor.float, torch.Tensor.double
    try:
        return make(Scores(scores[real]))([["q"] * 3, documents], labels)
    finally:
        torch.Tensor.float = float_of


case("rank-net", st, lambda scores, relevance: ranked(lambda model: RankNetLoss(model, reduction_log="natural"), scores), {"scores": draw(3, 4, low=-3, high=3)}, {"relevance": relevance})
case("list-net", st, lambda scores, relevance: ranked(ListNetLoss, scores), {"scores": draw(3, 4, low=-3, high=3)}, {"relevance": relevance}, {"targets": "softmax"})


def shares(scores, relevance):
    p = relevance.clamp(min=0)
    p = p / p.sum(-1, keepdim=True)
    return -(p * F.log_softmax(scores.masked_fill(~real, -1e300), -1)).sum(-1).mean()


case("listwise-shares", "PyTorch", shares, {"scores": draw(3, 4, low=-3, high=3)}, {"relevance": relevance}, {"targets": "shares"})


# Spans.
def span(start, end, first, last, allowed=None):
    if allowed is not None:
        start, end = (x.masked_fill(allowed == 0, -math.inf) for x in (start, end))
    return (F.cross_entropy(start, first.long()) + F.cross_entropy(end, last.long())) / 2


ends = lambda: {"start": draw(3, 7, low=-3, high=3), "end": draw(3, 7, low=-3, high=3)}
answers = {"first": torch.tensor([2.0, 0, -100]), "last": torch.tensor([4.0, 0, -100])}
case("span", "PyTorch", span, ends(), answers)
case(
    "span-allowed",
    "PyTorch",
    span,
    ends(),
    {**answers, "allowed": torch.tensor([[1.0, 0, 1, 1, 1, 1, 0], [1, 0, 0, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]])},
)

# Classes: smoothing and weights at once.
case(
    "cross-entropy-smoothing-weights",
    "PyTorch",
    lambda student, labels, weights: F.cross_entropy(student, labels.long(), weight=weights, label_smoothing=0.1),
    logits(),
    {"labels": torch.tensor([0.0, 3, -100, 2, 2]), "weights": torch.tensor([1.0, 2, 0.5, 3])},
)

Path(__file__).with_name("reference.json").write_text(json.dumps({"cases": cases}, indent=1) + "\n")
print(len(cases), "cases")
