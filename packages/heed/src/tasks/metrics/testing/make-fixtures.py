"""Writes ../fixtures/metrics.json.gz: cases and the numbers that Python packages give for them.

    pip install scipy scikit-learn pytrec_eval-terrier seqeval torchmetrics
    pip install --no-deps --target OLD transformers==4.57.1
    python make-fixtures.py OLD

scipy: pearson, spearman. pytrec_eval: ndcg, recip_rank, recall, map. scikit-learn: ndcg_score, accuracy, F1,
Matthews. torchmetrics: SQuAD 1.1. transformers' squad_metrics.py (its last release that has it; the file is run
alone): SQuAD 2.0 with the search for thresholds. seqeval: entities. The answers are made here from words of many
kinds.
"""
import gzip
import json
import logging
import random
import sys
import types
import warnings
from pathlib import Path

import numpy
import pytrec_eval
import scipy.stats
import seqeval.metrics
import sklearn.metrics
from torchmetrics.functional.text.squad import squad as torch_squad



def old_squad_metrics(folder):
    source = (Path(folder) / "transformers/data/metrics/squad_metrics.py").read_text()
    lines = [line for line in source.split("\n") if not line.startswith("from ...")]
    module = types.ModuleType("squad_metrics")
    module.logging = types.SimpleNamespace(get_logger=logging.getLogger)
    exec("\n".join(lines), module.__dict__)
    return module


warnings.simplefilter("ignore")
squad_metrics = old_squad_metrics(sys.argv[1])
draw = random.Random(7)
COUNT = 500


def rounded(value):
    return None if value != value else float(value)


def correlations():
    cases = []
    for number in range(COUNT):
        size = draw.randint(2, 24)
        # Few different numbers: ties; large offsets: sums that cancel.
        spread = draw.choice([2, 5, 100])
        offset = draw.choice([0, 0, 1000])
        a = [offset + draw.randrange(spread) / 4 for _ in range(size)]
        b = [draw.randrange(spread) - x * draw.choice([0, 0, 1, -1]) for x in a]
        with numpy.errstate(all="ignore"):
            cases.append([a, b, rounded(scipy.stats.pearsonr(a, b)[0]), rounded(scipy.stats.spearmanr(a, b)[0])])
    return cases


def rankings():
    cases, runs, judged = [], {}, {}
    for number in range(COUNT):
        size = draw.randint(1, 20)
        grades = [draw.choice([0, 0, 0, 1, 1, 2, 3]) for _ in range(size)]
        grades[draw.randrange(size)] = draw.choice([1, 2])
        missing = [draw.choice([1, 2]) for _ in range(draw.choice([0, 0, 1, 3]))]
        name = f"q{number}"
        runs[name] = {f"d{i:02d}": float(size - i) for i in range(size)}
        judged[name] = {f"d{i:02d}": grade for i, grade in enumerate(grades)}
        judged[name].update({f"m{i}": grade for i, grade in enumerate(missing)})
        cases.append({"gains": grades, "missing": missing})
    wanted = {"ndcg", "ndcg_cut.3,10", "recip_rank", "recall.3,10", "map", "map_cut.5"}
    found = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(runs)
    for number, case in enumerate(cases):
        case.update({key: value for key, value in found[f"q{number}"].items()})
        if len(case["gains"]) > 1 and not case["missing"]:
            places = [[-i for i in range(len(case["gains"]))]]
            case["sklearn_ndcg_10"] = float(sklearn.metrics.ndcg_score([case["gains"]], places, k=10))
    return cases


WORDS = (
    "the a an The AN cat Cats 1,000 10% U.S. co-operate in on New York 'quoted' theatre another naïve Zürich "
    "Ä 東京 — … a. ΣΑΣ İstanbul été’s the-end an, año ana \u00a0 can't O'Neil 3rd ½ × $5 été".split(" ")
)


def text(words):
    joined = ""
    for word in words:
        joined += word + draw.choice([" ", " ", " ", "  ", "\n", "\u00a0", "\u2003"])
    return joined.strip(" ") if draw.random() < 0.8 else joined


class Question:
    def __init__(self, name, answers):
        self.qas_id = name
        self.answers = [{"text": answer} for answer in answers]


def squad():
    cases, examples, found, doubts = [], [], {}, {}
    for number in range(COUNT):
        golds = []
        if draw.random() < 0.7:
            first = [draw.choice(WORDS) for _ in range(draw.randint(1, 6))]
            golds = [text(first), text(first[: draw.randint(1, len(first))])][: draw.randint(1, 2)]
            answer = text([word for word in first if draw.random() < 0.8] + draw.choices(WORDS, k=draw.randint(0, 2)))
            if draw.random() < 0.3:
                answer = draw.choice(golds).upper()
            if draw.random() < 0.1:
                answer = ""
        else:
            answer = "" if draw.random() < 0.4 else text(draw.choices(WORDS, k=draw.randint(1, 4)))
        doubt = round(draw.gauss(0 if golds else 1, 1), 2)
        name = f"q{number}"
        examples.append(Question(name, golds))
        found[name], doubts[name] = answer, doubt
        one = {"answer": answer, "golds": golds, "doubt": doubt}
        exact, f1 = squad_metrics.get_raw_scores([examples[-1]], found)
        one["exact"], one["f1"] = exact[name], f1[name]
        one["normalized"] = squad_metrics.normalize_answer(answer)
        if golds:
            target = {"answers": {"answer_start": [0] * len(golds), "text": golds}, "id": name}
            result = torch_squad([{"prediction_text": answer, "id": name}], [target])
            one["torch_exact"] = float(result["exact_match"]) / 100
            one["torch_f1"] = float(result["f1"]) / 100
        cases.append(one)
    totals = {}
    for threshold in (0.5, 1.0):
        totals[str(threshold)] = dict(
            squad_metrics.squad_evaluate(examples, found, dict(doubts), no_answer_probability_threshold=threshold)
        )
    # The same without doubts: the 2.0 script's plain means.
    totals["none"] = dict(squad_metrics.squad_evaluate(examples, found))
    return {"cases": cases, "totals": totals}


def classes():
    cases = []
    for number in range(COUNT):
        count = draw.randint(1, 5)
        size = draw.randint(1, 30)
        truth = [draw.randrange(count) for _ in range(size)]
        found = [x if draw.random() < 0.6 else draw.randrange(count) for x in truth]
        f1 = lambda average: float(sklearn.metrics.f1_score(truth, found, average=average, zero_division=0))
        used = sorted(set(truth) | set(found))
        cases.append(
            {
                "truth": truth,
                "found": found,
                "accuracy": float(sklearn.metrics.accuracy_score(truth, found)),
                "macro": f1("macro"),
                "micro": f1("micro"),
                "weighted": f1("weighted"),
                "matthews": float(sklearn.metrics.matthews_corrcoef(truth, found)),
                "used": used,
                "precision": [float(x) for x in sklearn.metrics.precision_score(truth, found, average=None, labels=used, zero_division=0)],
                "recall": [float(x) for x in sklearn.metrics.recall_score(truth, found, average=None, labels=used, zero_division=0)],
            }
        )
    return cases


def entities():
    cases = []
    for number in range(COUNT):
        scheme = draw.choice(["BIO", "BIOES", "IO"])
        tags = {"BIO": "BIO", "BIOES": "BIOES", "IO": "IO"}[scheme]
        def label():
            tag = draw.choice(tags + "O")
            return "O" if tag == "O" else f"{tag}-{draw.choice(['PER', 'LOC', 'WORK-OF-ART'])}"
        truth = [[label() for _ in range(draw.randint(1, 9))] for _ in range(draw.randint(1, 4))]
        found = [[x if draw.random() < 0.7 else label() for x in row] for row in truth]
        metrics = seqeval.metrics
        cases.append(
            {
                "truth": truth,
                "found": found,
                "precision": float(metrics.precision_score(truth, found, zero_division=0)),
                "recall": float(metrics.recall_score(truth, found, zero_division=0)),
                "f1": float(metrics.f1_score(truth, found, zero_division=0)),
                "macro": rounded(metrics.f1_score(truth, found, average="macro", zero_division=0)) or 0,
                "report": {
                    name: {key: float(value) for key, value in row.items()}
                    for name, row in metrics.classification_report(
                        truth, found, output_dict=True, zero_division=0
                    ).items()
                    if not name.endswith(" avg")
                },
            }
        )
    return cases


def intervals():
    """Means of numbers with scipy's percentile intervals; 20,000 sets, so that they hardly vary."""
    cases = []
    for number in range(20):
        values = [round(draw.gauss(0, 1) ** 2, 3) for _ in range(draw.choice([40, 100]))]
        result = scipy.stats.bootstrap(
            (values,), numpy.mean, n_resamples=20000, method="percentile", rng=numpy.random.default_rng(number)
        )
        low, high = result.confidence_interval
        cases.append({"values": values, "low": float(low), "high": float(high), "error": float(result.standard_error)})
    return cases


content = {
    "correlations": correlations(),
    "rankings": rankings(),
    "squad": squad(),
    "classes": classes(),
    "entities": entities(),
    "intervals": intervals(),
}
path = Path(__file__).resolve().parent.parent / "fixtures" / "metrics.json.gz"
path.write_bytes(gzip.compress(json.dumps(content, ensure_ascii=False).encode(), mtime=0))
print(path, path.stat().st_size, "bytes")
