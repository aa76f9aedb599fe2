"""PyTorch on the processor, asked over standard input and answering on standard output.

A message is one line of JSON, followed by the bytes of the arrays that it names, end to end.
Requests: {ask: prepare, prepared, work, formulation, arrays} | {ask: run, prepared, runs} | {ask: read, prepared} |
{ask: dispose, prepared} | {ask: memory}, where `prepared` is a number that the asker chooses; the answer has the same
form, with `error` where something went wrong.
"""

import json
import sys
import time

import torch

import models
import works

FORMULATIONS = {**works.FORMULATIONS, **models.FORMULATIONS}
TYPES = {"f32": (torch.float32, 4), "i32": (torch.int32, 4)}


def receive():
    line = sys.stdin.buffer.readline()
    if not line:
        sys.exit()
    message = json.loads(line)
    arrays = {}
    for name, dtype, shape in message.get("arrays", []):
        kind, width = TYPES[dtype]
        count = 1
        for size in shape:
            count *= size
        data = bytearray(count * width)
        view = memoryview(data)
        at = 0
        while at < len(data):
            at += sys.stdin.buffer.readinto(view[at:])
        arrays[name] = torch.frombuffer(data, dtype=kind).reshape(shape) if count else torch.empty(shape)
    return message, arrays


def send(answer, results=()):
    arrays = [result.detach().to(torch.float32).contiguous() for result in results]
    answer["arrays"] = [["", "f32", list(array.shape)] for array in arrays]
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    for array in arrays:
        sys.stdout.buffer.write(array.numpy().tobytes())
    sys.stdout.buffer.flush()


def memory():
    """Bytes of resident memory, now and at their peak."""
    try:
        with open("/proc/self/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        now, peak = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    except OSError:
        import resource

        peak = now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"resident": now, "peak": peak}


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(0)
    send({"version": torch.__version__, "formulations": {kind: list(ways) for kind, ways in FORMULATIONS.items()}})
    runs, results = {}, {}
    while True:
        message, arrays = receive()
        try:
            at = message.get("prepared")
            match message["ask"]:
                case "prepare":
                    work = message["work"]
                    runs[at] = FORMULATIONS[work["kind"]][message["formulation"]](work, arrays)
                    send({})
                case "run":
                    run = runs[at]
                    start = time.perf_counter()
                    for _ in range(message["runs"]):
                        result = run()
                    seconds = time.perf_counter() - start
                    results[at] = result
                    send({"seconds": seconds})
                case "read":
                    result = results.get(at)
                    if result is None:
                        result = runs[at]()
                    send({}, result if isinstance(result, (list, tuple)) else [result])
                case "dispose":
                    runs.pop(at, None)
                    results.pop(at, None)
                    send({})
                case "memory":
                    send(memory())
        except Exception as error:  # whatever it is, the harness wants to know
            send({"error": f"{type(error).__name__}: {error}".split("\n")[0]})


main()
