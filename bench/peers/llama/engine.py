"""llama.cpp by its Python package: answers lines of stdin, each with a line of JSON.

    engine.py quantize SOURCE TARGET TYPE     writes a file in another type, and ends
    engine.py run FILE THREADS                runs it

Requests: `logits N` the logits after N ids; `prompt N` the seconds that N ids take at once; `decode N` those
of N ids one by one, behind 64 others. Ids are those of `id_at`.
"""

import ctypes
import json
import sys
import time

import llama_cpp as llama


@llama.llama_log_callback
def quiet(level, text, data):
    pass


llama.llama_log_set(quiet, ctypes.c_void_p(0))
llama.llama_backend_init()


def id_at(place):
    """The same ids as heed's side has."""
    return 100 + (place * 7919) % 40000


def quantize(source, target, kind):
    options = llama.llama_model_quantize_default_params()
    options.ftype = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{kind}")
    options.allow_requantize = True
    if llama.llama_model_quantize(source.encode(), target.encode(), options) != 0:
        sys.exit(f"no {kind} of {source}")


def run(path, threads):
    options = llama.llama_model_default_params()
    options.n_gpu_layers = 0
    model = llama.llama_model_load_from_file(path.encode(), options)
    shape = llama.llama_context_default_params()
    shape.n_ctx, shape.n_batch, shape.n_ubatch = 1024, 512, 512
    shape.n_threads = shape.n_threads_batch = threads
    context = llama.llama_init_from_model(model, shape)
    memory = llama.llama_get_memory(context)
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))

    def take(first, count):
        ids = (llama.llama_token * count)(*[id_at(first + i) for i in range(count)])
        if llama.llama_decode(context, llama.llama_batch_get_one(ids, count)) != 0:
            sys.exit("llama_decode failed")
        llama.llama_synchronize(context)

    for line in sys.stdin:
        request, count = line.split()[0], int(line.split()[1])
        llama.llama_memory_clear(memory, True)
        if request == "decode":
            take(0, 64)
        start = time.perf_counter()
        if request == "decode":
            for i in range(count):
                take(64 + i, 1)
        else:
            take(0, count)
        answer = time.perf_counter() - start
        if request == "logits":
            answer = llama.llama_get_logits_ith(context, -1)[:vocabulary]
        print(json.dumps(answer), flush=True)


if sys.argv[1] == "quantize":
    quantize(*sys.argv[2:5])
else:
    run(sys.argv[2], int(sys.argv[3]))
