"""What PyTorch and transformers compute for the objectives: losses of each step, and weights at the end.

    python make-fixtures.py        (torch, transformers, tokenizers, safetensors)

Writes into ../fixtures: for each objective a folder of a tiny BERT before training, and expected.json with
the records, the losses of some steps of AdamW with groups of parameters, and weights after the last step.
"""

import json
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    get_linear_schedule_with_warmup,
)

out = Path(__file__).parent.parent / "fixtures"
words = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog bird saw rake is was in house park river who what where sits lies "
    "near old new red and on of it . ?"
).split()
tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
tokenizer.add_special_tokens(words[:5])

sizes = dict(
    vocab_size=len(words),
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=32,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    initializer_range=0.2,
)
steps, rate, decay, head_factor = 6, 2e-3, 0.1, 5.0
no_decay = ("bias", "LayerNorm.weight")


def padded(encodings):
    """Input ids, token types and attention mask, filled up at the right."""
    longest = max(len(one.ids) for one in encodings)
    fill = lambda of: torch.tensor([of(one) + [0] * (longest - len(one.ids)) for one in encodings])
    return dict(
        input_ids=fill(lambda one: one.ids),
        token_type_ids=fill(lambda one: one.type_ids),
        attention_mask=fill(lambda one: [1] * len(one.ids)),
    )


def record(name, model, records, loss_of, head):
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    grouped = {}
    for path, weight in model.named_parameters():
        key = (path.startswith(head), not path.endswith(no_decay))
        grouped.setdefault(key, []).append(weight)
    optimizer = torch.optim.AdamW(
        [
            dict(params=weights, lr=rate * (head_factor if is_head else 1), weight_decay=decay if decays else 0.0)
            for (is_head, decays), weights in grouped.items()
        ]
    )
    schedule = get_linear_schedule_with_warmup(optimizer, 2, steps)
    losses, norms = [], []
    # Of a weight whose gradient is 0 but for rounding (biases of keys, which softmax takes no notice of), Adam
    # makes steps of the rounding: where such a weight goes is not determined.
    undetermined = set()
    model.train()
    for _ in range(steps):
        loss = loss_of(model)
        loss.backward()
        undetermined |= {
            path for path, weight in model.named_parameters() if weight.grad.abs().max().item() < 1e-6
        }
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    final = {path: weight.detach().flatten()[:8].tolist() for path, weight in model.named_parameters() if path not in undetermined}
    expected = dict(records=records, losses=losses, gradientNorms=norms, final=final)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(name, losses)


torch.manual_seed(1)

labels = ["animal", "tool", "place"]
pairs = [
    dict(text="the cat sits in the house .", pair="where is the cat ?", label="animal"),
    dict(text="a saw lies near the river and it is old .", pair="what lies there ?", label="tool"),
    dict(text="the old park", pair="it was the red park near a river .", label="place"),
    dict(text="a bird", pair="who ?", label="animal"),
]
config = BertConfig(**sizes, id2label=dict(enumerate(labels)), label2id={one: i for i, one in enumerate(labels)})
batch = padded([tokenizer.encode(one["text"], one["pair"]) for one in pairs])
wanted = torch.tensor([labels.index(one["label"]) for one in pairs])
record(
    "sequence-classification",
    BertForSequenceClassification(config),
    pairs,
    lambda model: model(**batch, labels=wanted).loss,
    "classifier",
)

several = [dict(text=one["text"], pair=one["pair"], label=both) for one, both in zip(pairs, [["animal", "place"], ["tool"], [], ["animal"]])]
config = BertConfig(
    **sizes,
    id2label=dict(enumerate(labels)),
    label2id={one: i for i, one in enumerate(labels)},
    problem_type="multi_label_classification",
)
holds = torch.tensor([[float(label in one["label"]) for label in labels] for one in several])
record(
    "several-labels",
    BertForSequenceClassification(config),
    several,
    lambda model: model(**batch, labels=holds).loss,
    "classifier",
)

tags = ["O", "B-A", "I-A", "B-T"]
tagged = [
    dict(words="the old cat sits".split(), labels=["O", "B-A", "I-A", "O"]),
    dict(words="a saw and a rake lies in the house".split(), labels=["O", "B-T", "O", "O", "B-T", "O", "O", "O", "O"]),
]
config = BertConfig(**sizes, id2label=dict(enumerate(tags)), label2id={one: i for i, one in enumerate(tags)})
encodings = [tokenizer.encode(one["words"], is_pretokenized=True) for one in tagged]
tagged_batch = padded(encodings)
longest = tagged_batch["input_ids"].shape[1]
targets = torch.full((len(tagged), longest), -100)
for row, (one, encoding) in enumerate(zip(tagged, encodings)):
    for i, word in enumerate(encoding.word_ids):
        if word is not None:
            targets[row, i] = tags.index(one["labels"][word])
record(
    "token-classification",
    BertForTokenClassification(config),
    tagged,
    lambda model: model(**tagged_batch, labels=targets).loss,
    "classifier",
)

# All of one length: transformers' softmax sees what is filled up, and heed's has nothing to see.
questions = [
    dict(question="who sits ?", context="the old cat sits in a park .", answers=[dict(text="old cat", start=4)]),
    dict(question="what lies ?", context="it is near the new red saw .", answers=[dict(text="saw", start=23)]),
    dict(question="where is it ?", context="the dog sits and it lies .", answers=[], impossible=True),
]
answered = [tokenizer.encode(one["question"], one["context"]) for one in questions]
answered_batch = padded(answered)
assert len({len(one.ids) for one in answered}) == 1, [len(one.ids) for one in answered]


def place(one, encoding):
    if one.get("impossible"):
        return 0, 0
    start = one["answers"][0]["start"]
    end = start + len(one["answers"][0]["text"])
    own = [i for i, (sequence, span) in enumerate(zip(encoding.sequence_ids, encoding.offsets)) if sequence == 1]
    first = next(i for i in own if encoding.offsets[i][1] > start)
    last = next(i for i in reversed(own) if encoding.offsets[i][0] < end)
    return first, last


places = [place(*both) for both in zip(questions, answered)]
starts, ends = (torch.tensor(one) for one in zip(*places))
record(
    "question-answering",
    BertForQuestionAnswering(BertConfig(**sizes)),
    questions,
    lambda model: model(**answered_batch, start_positions=starts, end_positions=ends).loss,
    "qa_outputs",
)
