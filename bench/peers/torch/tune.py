"""PyTorch's side of `tune.ts`: a line of a request in, a line of JSON out."""

import json
import math
import resource
import sys
import time

import torch
import torch.nn.functional as F
import transformers
from transformers import AutoModel

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

path, kind, precision, threads = sys.argv[1:5]
torch.set_num_threads(int(threads))
BATCH, LENGTH = 32, 128

model = AutoModel.from_pretrained(path, add_pooling_layer=False).eval()  # no dropout, on either side
if kind == "adapters":
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules=["query", "value"], lora_dropout=0.0))
width = model.config.hidden_size
head = torch.nn.Linear(width, 2)
with torch.no_grad():
    head.weight.copy_(torch.tensor([0.02 * math.sin(i) for i in range(2 * width)]).reshape(2, width))
    head.bias.zero_()

trained = [p for p in [*model.parameters(), *head.parameters()] if p.requires_grad]
optimizer = torch.optim.AdamW(
    [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ],
    lr=5e-5,
    fused=True,
)
classes = torch.arange(BATCH) % 2
done = 0


def step():
    global done
    at = torch.arange(BATCH * LENGTH)
    ids = (1000 + ((done * 4096 + at) * 7919) % 20000).reshape(BATCH, LENGTH)
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        states = model(ids).last_hidden_state
        loss = F.cross_entropy(head(states.mean(1)).float(), classes)
    loss.backward()
    optimizer.step()
    done += 1
    return loss.item()


for line in sys.stdin:
    ask, count = line.split()
    if ask == "losses":
        answer = [step() for _ in range(int(count))]
    elif ask == "step":
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(count)):
            step()
        answer = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    else:
        answer = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(answer), flush=True)
