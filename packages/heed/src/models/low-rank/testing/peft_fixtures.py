"""Adapters that Python's library peft makes, and what its models give with them.

    python peft_fixtures.py make  MODELS FOLDER     writes FOLDER/NAME for each case
    python peft_fixtures.py logits CASES            prints the logits of adapters that heed wrote, for a list of
                                                    base, adapter and ids in JSON

MODELS is the folder of tiny models in the hub's layout. Weights are random, so that each case tests every
number. Made with peft 0.21.2, transformers 5.24, torch 2.15.
"""
import json
import os
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
)

CASES = {
    "bert-sequence-classification": dict(
        r=4, lora_alpha=8, target_modules=["query", "value"], task_type="SEQ_CLS", lora_dropout=0.1
    ),
    "distilbert-question-answering": dict(
        r=3, lora_alpha=5, target_modules=r".*\.(q_lin|lin1)", task_type="QUESTION_ANS", use_rslora=True
    ),
    "llama": dict(
        r=2,
        lora_alpha=3,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "down_proj", "gate_proj", "up_proj", "lm_head"],
        task_type="CAUSAL_LM",
        rank_pattern={"q_proj": 4, "model.layers.1.mlp.down_proj": 5},
        alpha_pattern={r"layers.\d+.self_attn.v_proj": 11, "^lm_head": 7},
    ),
    "mistral": dict(
        r=2, lora_alpha=4, target_modules=["q_proj"], layers_to_transform=[1], modules_to_save=["input_layernorm"]
    ),
    "t5": dict(r=4, lora_alpha=4, target_modules=["q", "v", "wo"], task_type="SEQ_2_SEQ_LM", use_rslora=True),
    "gpt2": dict(r=4, lora_alpha=6, target_modules=["c_attn", "c_proj", "c_fc"], task_type="CAUSAL_LM", fan_in_fan_out=True),
    "phi3": dict(r=4, lora_alpha=6, target_modules=["qkv_proj", "gate_up_proj", "o_proj"], task_type="CAUSAL_LM"),
    "gpt-neox": dict(r=4, lora_alpha=6, target_modules=["query_key_value", "dense"], task_type="CAUSAL_LM"),
}


def base_model(folder):
    """The model of a folder, as its configuration's class says."""
    config = AutoConfig.from_pretrained(folder)
    name = config.architectures[0]
    for part, kind in (
        ("SequenceClassification", AutoModelForSequenceClassification),
        ("QuestionAnswering", AutoModelForQuestionAnswering),
        ("ConditionalGeneration", AutoModelForSeq2SeqLM),
    ):
        if part in name:
            return kind.from_pretrained(folder, dtype=torch.float32)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def logits_of(model, ids):
    model = model.double().eval()
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            given = model(input_ids=ids, decoder_input_ids=ids.flip(1))
        else:
            given = model(input_ids=ids)
    if hasattr(given, "start_logits"):
        return torch.stack([given.start_logits, given.end_logits], -1)
    return given.logits


def make(models, folder):
    for number, (name, options) in enumerate(CASES.items()):
        torch.manual_seed(number)
        base = base_model(os.path.join(models, name))
        model = get_peft_model(base, LoraConfig(**options))
        for key, weight in model.named_parameters():
            if weight.requires_grad:
                weight.data.normal_(0, 0.3)
                if "norm" in key:
                    weight.data.add_(1)
        own = os.path.join(folder, name)
        model.save_pretrained(own)
        for extra in ("README.md",):
            if os.path.exists(os.path.join(own, extra)):
                os.remove(os.path.join(own, extra))
        path = os.path.join(own, "adapter_config.json")
        with open(path) as file:
            config = json.load(file)
        # Where the model stood on the machine that made this is of no account.
        config["base_model_name_or_path"] = name
        with open(path, "w") as file:
            json.dump(config, file, indent=2)
            file.write("\n")
        ids = torch.randint(5, min(50, base.config.vocab_size), (2, 7))
        logits = logits_of(model, ids)
        plain = logits_of(base_model(os.path.join(models, name)), ids)
        assert (logits - plain).abs().max() > 1e-2
        save_file(
            {"ids": ids.int(), "logits": logits.float().contiguous()}, os.path.join(own, "expected.safetensors")
        )
        print(name, tuple(logits.shape), float((logits - plain).abs().max()))


def logits(cases):
    torch.set_num_threads(1)
    for base, adapter, ids in json.loads(cases):
        model = PeftModel.from_pretrained(base_model(base), adapter)
        print(json.dumps(logits_of(model, torch.tensor(ids)).flatten().tolist()))


if __name__ == "__main__":
    {"make": make, "logits": logits}[sys.argv[1]](*sys.argv[2:])
