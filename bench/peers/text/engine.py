"""Python's `tokenizers` (Rust), on one thread: answers a line of JSON for each line of JSON that it is asked."""

import gc
import json
import os
import sys
import time
import zlib
from array import array

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

state = {}


def clocks():
    return time.perf_counter(), time.process_time()


def since(start):
    wall, cpu = clocks()
    return {"seconds": wall - start[0], "cpuSeconds": cpu - start[1]}


def load(path, **_):
    start = clocks()
    state["tokenizer"] = Tokenizer.from_file(path)
    return {"version": tokenizers.__version__, **since(start)}


def texts(path, **_):
    with open(path, encoding="utf-8") as file:
        state["texts"] = json.load(file)
    return {}


def sample(start, end, seconds, **_):
    encode = state["tokenizer"].encode
    found = []
    gc.collect()
    begun = clocks()
    until = begun[0] + seconds
    for text in state["texts"][start:end]:
        found.append(encode(text, add_special_tokens=False).ids)
        if time.perf_counter() > until:
            break
    taken = since(begun)
    sums = [zlib.crc32(array("i", ids).tobytes()) for ids in found]
    return {"sums": sums, "tokens": sum(map(len, found)), **taken}


def word(text, **_):
    start = clocks()
    tokens = len(state["tokenizer"].encode(text, add_special_tokens=False).ids)
    return {"tokens": tokens, **since(start)}


def train(size, **_):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, initial_alphabet=alphabet, show_progress=False)
    start = clocks()
    tokenizer.train_from_iterator(state["texts"], trainer)
    taken = since(start)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    tokens = "\n".join(token for token, _ in vocabulary)
    return {"tokens": len(vocabulary), "sum": zlib.crc32(tokens.encode()), **taken}


known = {"load": load, "texts": texts, "sample": sample, "word": word, "train": train}
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"value": known[request["ask"]](**request)}
    except BaseException as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
