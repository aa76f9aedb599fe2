"""Writes random-patterns.json: what the Python package `tokenizers` 0.23.3 (Apache-2.0), which has Oniguruma
inside, does with patterns and texts drawn at random.

    pip install tokenizers==0.23.3; python random-patterns.py [SEED] [PATTERNS]

`matched`: a pattern, then for each of some texts [text, its pieces joined by |, matches replaced by ·].
`refused`: patterns that the package refuses.
"""

import json
import os
import random
import sys

from tokenizers import Regex
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Split

draw = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
patterns = int(sys.argv[2]) if len(sys.argv) > 2 else 400

characters = [*"aaabbbcsSkKfFiI1 \n-_'\r\t", *"éÉßẞſﬀﬁ中😀\u0301½٣ǅ\u00a0İΐσςΣᾀ"]
literals = [*"aaabbbcsSkKfFi1 -_'", *"éßẞﬀſ中😀ΐσΣİᾀ", r"\n", r"\r", r"\x{301}", "ss", "SS", "ff", "ffi", r"\.", r"\x61",
            r"\u0073", r"\xc3\x9f"]
types = [r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", r"\h", r"\H"]
properties = ["L", "Lu", "Ll", "N", "Nd", "P", "S", "Z", "M", "Han", "Latin", "Greek", "Alpha", "Alnum", "Punct", "Space",
              "Word", "Lower", "Upper", "^L", "^Lu", "Digit", "White_Space", "Any", "Graph", "Print", "Blank", " l u "]
posix = ["alpha", "alnum", "digit", "punct", "space", "upper", "lower", "word", "xdigit", "blank", "cntrl", "graph", "print",
         "ascii", "^alpha", "^digit"]
members = [*"abcsSké_ß1 ﬀ中😀&:^.", r"\n", r"\-", r"\]", r"\[", r"\x{df}"]
ranges = ["a-c", "A-Z", "0-9", "a-z", "é-ſ", "a-b-", r"\x{61-63}", r"\x{61 73}", "一-龥", " -~", "!--", "k-s"]
quantifiers = ["*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,2}", "{2,}", "{,2}", "{0,1}", "{1,3}?", "{2}?",
               "{3,1}", "{2}+", "{1,2}+", "{0}", "{1}", "{,}", "{a", "{1,"]
places = ["^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z", r"\G", r"\y", r"\Y"]
groups = 0


def text():
    chosen = draw.sample(characters, draw.choice([1, 2, 3, 4, len(characters)]))
    return "".join(draw.choice(chosen) for _ in range(draw.choice([1, 2, 3, 5, 8, 12])))


def type_or_property():
    return draw.choice(types) if draw.random() < 0.5 else draw.choice([r"\p{%s}", r"\P{%s}"]) % draw.choice(properties)


def bracket(depth=0):
    source = "[" + ("^" if draw.random() < 0.25 else "") + draw.choice(["", "", "", "-", "]"])
    for _ in range(draw.randint(1, 4)):
        kind = draw.random()
        if kind < 0.45:
            source += draw.choice(members)
        elif kind < 0.6:
            source += draw.choice(ranges)
        elif kind < 0.72:
            source += type_or_property()
        elif kind < 0.8:
            source += f"[:{draw.choice(posix)}:]"
        elif kind < 0.9 and depth < 3:
            source += bracket(depth + 1)
        elif depth < 3:
            source += "&&" + draw.choice(["a-m", r"\w", "[^a-c]", "b", r"\p{L}", "^b"])
    return source + "]"


def atom(depth):
    global groups
    kind = draw.random()
    if kind < 0.42 or (depth == 0 and kind > 0.74):
        return draw.choice(literals)
    if kind < 0.5:
        return type_or_property()
    if kind < 0.58:
        return bracket()
    if kind < 0.67:
        return draw.choice([".", ".", r"\R", r"\X", r"\N", r"\O"])
    if kind < 0.74:
        return draw.choice(places)
    if kind < 0.84:
        groups += 1
        return f"({alternatives(depth - 1)})"
    if kind < 0.97:
        opening = draw.choice(["?:", "?:", "?i:", "?m:", "?x:", "?-i:", "?W:", "?=", "?!", "?<=", "?<!", "?>"])
        return f"({opening}{alternatives(depth - 1)})"
    return draw.choice([rf"\{draw.randint(1, max(1, min(groups, 3)))}", r"\k<1>", r"\k<-1>", r"\K", "(?#x)", "(?i)"])


def branch(depth):
    source = ""
    for _ in range(draw.choice([0, 1, 1, 2, 2, 3])):
        source += atom(depth)
        if draw.random() < 0.35:
            source += draw.choice(quantifiers)
    return source


def alternatives(depth):
    return "|".join(branch(depth) for _ in range(draw.choice([1, 1, 1, 2, 3])))


def pattern():
    global groups
    groups = 0
    source = draw.choice(["", "", "", "(?i)", "(?i)", "(?m)", "(?x)"]) + alternatives(draw.choice([0, 1, 2]))
    if draw.random() < 0.1:
        source += draw.choice([r"\1", r"\k<1>", r"(.)\1", r"(?i)(..?)\1", r"(?<n>a|b)\k<n>", r"(?<n>a)|(?<n>b)\k<n>"])
    return source


matched, refused = [], []
# What Oniguruma warns of.
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
while len(matched) < patterns:
    source = pattern()
    if not 6 <= len(source) <= 50:
        continue
    try:
        expression = Regex(source)
    except Exception as error:
        # An error without a text is a mistake of its own.
        if len(refused) < patterns // 10 and "undefined error" not in str(error):
            refused.append(source)
        continue
    split, replace = Split(expression, "isolated"), Replace(expression, "·")
    cases = []
    for given in (text() for _ in range(4)):
        try:
            pieces = "|".join(piece for piece, _ in split.pre_tokenize_str(given))
            cases.append([given, pieces, replace.normalize_str(given)])
        except BaseException:
            # It gives up on some.
            continue
    # Those that match nothing say little.
    found = [case for case in cases if case[2] != case[0]]
    if found or draw.random() < 0.1:
        matched.append([source, *(found[:2] or cases[:1])])

with open("random-patterns.json", "w", encoding="utf-8") as file:
    lines = [json.dumps(one, ensure_ascii=False) for one in matched]
    file.write('{\n"matched": [\n' + ",\n".join(lines) + '\n],\n"refused": [\n')
    file.write(",\n".join(json.dumps(one, ensure_ascii=False) for one in refused) + "\n]\n}\n")
