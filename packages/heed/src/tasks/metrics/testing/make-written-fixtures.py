"""Writes ../fixtures/written.json.gz: texts, and what Python packages say of them.

    pip install rouge-score sacrebleu pycocoevalcap
    python make-written-fixtures.py

rouge-score: ROUGE, and the stems of NLTK. sacrebleu: BLEU, chrF and chrF++ of sentences and of corpora. pycocoevalcap:
the words of Stanford's PTBTokenizer (Java), BLEU and CIDEr-D of captions. The texts are made here.
"""
import gzip
import json
import random
from pathlib import Path

from nltk.stem.porter import PorterStemmer
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

draw = random.Random(11)
COUNT = 500

WORDS = (
    "the a of in libraries library runs running programs programme Development files, files. (documentation) "
    "command-line GNU/Linux v2.0 1,000 3.14 10-20 e.g. U.S. \"quoted\" 'single' don't l'été über naïve Straße "
    "東京 😀 &amp; &lt;tag&gt; <skipped> a+b {x} [y] *z* foo_bar foo@bar.org C++ — … « mot » 100% $5 A. "
    "relational conditional happiness hopping ties agreed generalizations oscillators İstanbul K 12 3rd . , ( ) -"
).split(" ")
SPACES = [" ", " ", " ", " ", "  ", "\n", "\u00a0", "\t", "\u2003"]


def text(words):
    joined = "".join(word + draw.choice(SPACES) for word in words)
    return joined.strip() if draw.random() < 0.8 else joined


def changed(words):
    kept = []
    for word in words:
        chance = draw.random()
        if chance < 0.7:
            kept.append(word)
        elif chance < 0.8:
            kept.append(draw.choice(WORDS))
        elif chance < 0.85:
            kept += [word, word]
    if draw.random() < 0.2:
        draw.shuffle(kept)
    return kept


def pair():
    words = draw.choices(WORDS, k=draw.choice([0, 1, 2, 3, 5, 8, 13, 21]))
    wanted = [text(words)] + [text(changed(words)) for _ in range(draw.choice([0, 0, 1, 2]))]
    return text(changed(words)), wanted


def rouge(pairs):
    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    plain, stems = RougeScorer(names), RougeScorer(names, use_stemmer=True)

    def scores(scorer, found, wanted):
        best = scorer.score_multi(wanted, found)
        return [[best[name].precision, best[name].recall, best[name].fmeasure] for name in names]

    return [{"plain": scores(plain, *one), "stems": scores(stems, *one)} for one in pairs]


def stems():
    endings = (
        "s es ies ied ed ing eed y ational tional enci anci izer abli bli alli entli eli ousli ization ation ator alism "
        "iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic "
        "able ible ant ement ment ent sion tion ou ism ate iti ous ive ize e ll le ying ssed lled pped"
    ).split()
    starts = "sk d t tr cr hop gener happ rel vis arch aut yes syz toy bol comm adv app ey w tax snow fil fizz l con".split()
    words = sorted({start + ending for start in starts for ending in endings} | set("sky skies dying news innings".split()))
    stemmer = PorterStemmer()
    return [[word, stemmer.stem(word)] for word in words]


def sacre(pairs):
    sentence = BLEU(effective_order=True)
    kinds = [CHRF(), CHRF(word_order=2)]
    cases = [
        [sentence.sentence_score(found, wanted).score] + [kind.sentence_score(found, wanted).score for kind in kinds]
        for found, wanted in pairs
    ]
    corpora = []
    for size in (1, 3, 20, 100, COUNT):
        some = pairs[:size]
        found = [one for one, _ in some]
        first = [[wanted[0] for _, wanted in some]]
        whole = BLEU()
        score = whole.corpus_score(found, first)
        corpora.append(
            {
                "size": size,
                "bleu": score.score,
                "precisions": score.precisions,
                "brevity": score.bp,
                "lengths": [score.sys_len, score.ref_len],
                "chrf": [kind.corpus_score(found, first).score for kind in kinds],
                "signature": str(whole.get_signature()),
                "chrfSignature": [str(kind.get_signature()) for kind in kinds],
            }
        )
    return {"cases": cases, "corpora": corpora}


SUBJECTS = "a man|two dogs|the girl's cat|an old woman|a well-dressed boy|three 10-year-olds|a T-shirt seller".split("|")
VERBS = "is riding|are chasing|can't find|doesn't see|looks at|cannot lift|they'll paint|he's holding|won't leave".split("|")
OBJECTS = "a red ball|the horse|1,000 balloons|an ice-cream cone|a sign that reads 'stop'|some trees|the photographer's hat".split("|")
ENDS = ["", ".", "...", "!", " , in the park.", "; it is sunny.", " (outside).", ' near the "station".', " -- at night"]


def caption():
    return f"{draw.choice(SUBJECTS)} {draw.choice(VERBS)} {draw.choice(OBJECTS)}{draw.choice(ENDS)}"


def captions():
    found = [caption() for _ in range(COUNT)]
    wanted = []
    for one in found:
        several = [caption() for _ in range(draw.choice([1, 2, 5]))]
        if draw.random() < 0.6:
            words = one.split(" ")
            several[0] = " ".join(words[: draw.randint(2, len(words))])
        wanted.append(several)
    tokenizer = PTBTokenizer()
    ours = tokenizer.tokenize({i: [{"caption": one}] for i, one in enumerate(found)})
    theirs = tokenizer.tokenize({i: [{"caption": one} for one in several] for i, several in enumerate(wanted)})
    bleu, _ = Bleu(4).compute_score(theirs, ours, verbose=0)
    cider, each = Cider().compute_score(theirs, ours)
    cases = [
        {"found": one, "wanted": several, "words": ours[i][0], "others": theirs[i], "cider": float(each[i])}
        for i, (one, several) in enumerate(zip(found, wanted))
    ]
    return {"cases": cases, "bleu": bleu, "cider": float(cider)}


def main():
    pairs = [pair() for _ in range(COUNT)]
    written = {
        "texts": [{"found": found, "wanted": wanted} for found, wanted in pairs],
        "rouge": rouge(pairs),
        "stems": stems(),
        "sacrebleu": sacre(pairs),
        "captions": captions(),
    }
    path = Path(__file__).parent / "../fixtures/written.json.gz"
    data = json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(data, 9, mtime=0))
    print(len(data), path.stat().st_size)


main()
