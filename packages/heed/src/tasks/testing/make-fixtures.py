"""What transformers' pipelines give for tiny random models.

    python make-fixtures.py ../fixtures            # transformers 5: everything but question answering
    python make-fixtures.py ../fixtures questions  # transformers 4.57, the last that has that pipeline

Writes a folder for each model, in the hub's layout with weights in f16 (they run in f32), and `pipelines.json.gz`,
`questions.json.gz`: inputs, options, results. Places in texts are UTF-16 units, as JavaScript counts.
"""
import gzip
import io
import json
import os
import sys

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

folder, part = sys.argv[1], (sys.argv[2:] or ["others"])[0]
corpus = """The cat sat on the mat, and the dog ran in the park. Marie Curie was born in Warsaw in 1867.
She worked in Paris, the capital of France, and won two Nobel Prizes. Who wrote the play? Nobody knows.
A man plays a guitar outside while children play football there. It isn't far from London to Oxford.
The weather was awful: rain, wind and snow; we stayed at home. Where does the river begin and end?
This example is about politics, sport or music. The museum opens at nine o'clock on Mondays.""".split("\n")
texts = [
    "Marie Curie was born in Warsaw.",
    "The dog wasn't in London; it ran to Oxford, by the river!",
    "Überraschung in Zürich: 🎉 Marie won 2 prizes",
    "A",
    "Nobel-Prizes, of the museum's play: who knows?",
    "Where does the unfathomable xylophonist play in Paris?",
]
long_text = " ".join(corpus * 2).replace("park", "park 🎉")
pairs = [
    {"text": "A man plays a guitar outside.", "text_pair": "A man plays."},
    {"text": "The cat sat on the mat", "text_pair": "Nobody sat there; the dog ran."},
    {"text": "Paris", "text_pair": "It is the capital of France."},
]


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=190, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    names = dict(unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=48, model_input_names=inputs, **names
    )


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=340, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    tokenizer.decoder = decoders.ByteLevel()
    names = dict(
        bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=48, mask_token="<mask>", **names
    )


def made(name, tokenizer, kind, seed, **config):
    """Writes the model, and gives it with its tokenizer as pipelines take them."""
    sizes = dict(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24
    )
    family, positions = ("Bert", 48) if tokenizer.cls_token == "[CLS]" else ("Roberta", 50)
    how = dict(sizes, max_position_embeddings=positions, **config)
    if family == "Roberta":
        how.update(type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    made_config = getattr(transformers, f"{family}Config")(**how)
    model = getattr(transformers, f"{family}For{kind}")(made_config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for path, weight in model.named_parameters():
            # Tokens matter more than what all have in common, so that results differ.
            scale = 2.0 if path.startswith(("classifier", "qa_outputs")) or "word_emb" in path else 0.3
            if "bias" in path:
                scale = 0.1
            weight.copy_((torch.randn(weight.shape, generator=generator) * scale).half().float())
            if "LayerNorm.weight" in path:
                weight.add_(1).copy_(weight.half().float())
    where = os.path.join(folder, name)
    model.half().save_pretrained(where)
    tokenizer.save_pretrained(where)
    return dict(model=model.float(), tokenizer=tokenizer)


def units(text, at):
    return len(text[:at].encode("utf-16-le")) // 2


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value.item() if hasattr(value, "item") else value


def placed(text, value):
    """With places in UTF-16 units."""
    if isinstance(value, list):
        return [placed(text, inner) for inner in value]
    return {key: units(text, inner) if key in ("start", "end") else inner for key, inner in value.items()}


def write(name, cases):
    with gzip.GzipFile(os.path.join(folder, f"{name}.gz"), "w", mtime=0) as packed, io.TextIOWrapper(packed, "utf-8") as file:
        file.write(f'{{"transformers": "{transformers.__version__}", "cases": [\n')
        file.write(",\n".join(json.dumps(plain(case), ensure_ascii=False) for case in cases))
        file.write("\n]}\n")


def others():
    """Classification, tokens, masks."""
    cases = []
    bert, roberta = word_piece(), byte_level()
    nli = {0: "entailment", 1: "neutral", 2: "contradiction"}
    label2id = {label: i for i, label in nli.items()}
    for name, tokenizer, config in [
        ("classification", bert, dict(id2label=nli, label2id=label2id)),
        ("several-labels", roberta, dict(num_labels=4, problem_type="multi_label_classification")),
    ]:
        pipe = transformers.pipeline(
            "text-classification", **made(name, tokenizer, "SequenceClassification", 3, **config)
        )
        for options in [dict(top_k=None), dict(top_k=2), dict(top_k=None, function_to_apply="none")]:
            for one in texts + pairs:
                cases.append(
                    dict(task="text-classification", model=name, input=one, options=options, result=pipe(one, **options))
                )
        if name != "classification":
            continue
        pipe = transformers.pipeline("zero-shot-classification", model=pipe.model, tokenizer=tokenizer)
        labels = ["politics", "sport", "music and dance", "the weather"]
        for options in [{}, dict(multi_label=True), dict(hypothesis_template="It is about {}, isn't it?")]:
            for one in texts + [long_text]:
                for given in [labels, labels[:1]]:
                    result = pipe(one, given, **options)
                    cases.append(
                        dict(
                            task="zero-shot-classification",
                            model=name,
                            input=one,
                            labels=given,
                            options=options,
                            result=result,
                        )
                    )
    tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
    tagged = dict(id2label=dict(enumerate(tags)), label2id={tag: i for i, tag in enumerate(tags)})
    for name, tokenizer in [("tokens", bert), ("tokens-byte-level", roberta)]:
        pipe = transformers.pipeline("token-classification", **made(name, tokenizer, "TokenClassification", 8, **tagged))
        for strategy in ["none", "simple", "first", "average", "max"]:
            for options in [dict(), dict(ignore_labels=[]), dict(stride=8)]:
                if strategy == "none" and "stride" in options:
                    continue
                options = dict(options, aggregation_strategy=strategy)
                for one in [long_text] if "stride" in options else texts:
                    result = placed(one, pipe(one, **options))
                    cases.append(
                        dict(task="token-classification", model=name, input=one, options=options, result=result)
                    )
    for name, tokenizer in [("masks", bert), ("masks-byte-level", roberta)]:
        pipe = transformers.pipeline("fill-mask", **made(name, tokenizer, "MaskedLM", 5))
        mask = tokenizer.mask_token
        for options in [{}, dict(top_k=3), dict(targets=["cat", "dog", "paris", "x", "unfathomable"])]:
            for one in [
                f"The cat sat on the {mask}.",
                f"{mask} 🎉 Curie was born in 1867",
                f"Who {mask} the {mask} in Paris?",
                mask,
            ]:
                cases.append(
                    dict(task="fill-mask", model=name, input=one, options=options, result=pipe(one, **options))
                )
    write("pipelines.json", cases)


def questions():
    """Answers of each window, and of all. Windows share ten tokens, where nothing else is said."""
    cases = []
    short = "Marie Curie was born in Warsaw 🎉 in 1867. She worked in Paris, the capital of France, in a museum."
    asked = ["Where was Marie Curie born?", "Who knows?", "Zürich?"]
    for name, tokenizer in [("questions", word_piece()), ("questions-byte-level", byte_level())]:
        pipe = transformers.pipeline("question-answering", **made(name, tokenizer, "QuestionAnswering", 4))
        for context in [short, "A", "Paris, France", long_text]:
            for options in [
                {},
                dict(top_k=5),
                dict(top_k=3, handle_impossible_answer=True),
                dict(top_k=4, max_answer_len=2),
                dict(top_k=4, align_to_words=False),
                dict(top_k=2, max_seq_len=32, doc_stride=6),
            ]:
                options = dict(dict(doc_stride=10), **options)
                for question in asked:
                    seen = []
                    after = {
                        key: value
                        for key, value in options.items()
                        if key in ("top_k", "handle_impossible_answer", "max_answer_len", "align_to_words")
                    }
                    before = {key: value for key, value in options.items() if key in ("max_seq_len", "doc_stride")}
                    example = pipe.create_sample(question=question, context=context)
                    for window in pipe.preprocess(example, **before):
                        with torch.no_grad():
                            output = pipe._forward(window)
                        found = pipe.postprocess([output], **after)
                        seen.append(placed(context, found if isinstance(found, list) else [found]))
                    result = pipe(question=question, context=context, **options)
                    cases.append(
                        dict(
                            task="question-answering",
                            model=name,
                            question=question,
                            context=context,
                            options=options,
                            windows=seen,
                            result=placed(context, result),
                        )
                    )
    write("questions.json", cases)


os.makedirs(folder, exist_ok=True)
questions() if part == "questions" else others()
