"""From nothing to a sentence's vector: start.py threads model.safetensors work.json. Prints the vector as JSON."""

import json
import mmap
import sys

import torch

import models

_, threads, model, work = sys.argv
torch.set_num_threads(int(threads))
with open(work) as file:
    asked = json.load(file)
with open(model, "rb") as file:
    data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
start = 8 + int.from_bytes(data[:8], "little")
arrays = {}
for name, entry in json.loads(data[8:start]).items():
    if name != "__metadata__":
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=start + begin)
        arrays[name] = values.reshape(entry["shape"])
arrays["ids"] = torch.tensor(asked["ids"]).reshape(asked["work"]["batch"], asked["work"]["length"])
vector = models.encoder_steps(asked["work"], arrays)()
print(json.dumps(vector.flatten().tolist()), flush=True)
