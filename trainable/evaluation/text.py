"""Scores of texts in generated answers."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import fmean

from rapidfuzz.distance import Levenshtein
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from typing_extensions import override

from trainable.evaluation.parts import Part, combined

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

_FEWEST_PEOPLE = 3
"""Answers by people that VQA accuracy needs: what so many say is right."""

_VQA_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_VQA_NUMBERS = "zero one two three four five six seven eight nine ten"
_VQA_WORDS = {word: str(number) for number, word in enumerate(_VQA_NUMBERS.split())} | {"none": "0"}
_VQA_ARTICLES = ("a", "an", "the")

_WITHOUT_APOSTROPHES = """
    aint arent cant couldnt couldntve couldve didnt doesnt dont hadnt hadntve hasnt havent hed hedve hes howd howll
    hows isnt itd itdve itll maam mightnt mightntve mightve mustnt mustve neednt notve oclock oughtnt owsat shant
    shedve shouldnt shouldntve shouldve somebodyd somebodydve somebodyll somebodys someoned someonedve someonell
    someones somethingd somethingdve somethingll thats thered theredve therere theres theyd theydve theyll theyre
    theyve twas wasnt wedve werent weve whatll whatre whats whatve whens whered whereve wheres whod whodve wholl whos
    whove whyll whyre whys wont wouldnt wouldntve wouldve yall yalldve yallll youd youdve youll youre youve
"""
_VQA_CONTRACTIONS = frozenset(_WITHOUT_APOSTROPHES.split())

_LEAST_SIMILAR = 0.5

_CORPUS: Mapping[str, Callable[[], BLEU | CHRF]] = {
    "text.bleu": lambda: BLEU(effective_order=True, force=True),
    "text.chrf": CHRF,
}


@dataclass(frozen=True)
class TextAnswer:
    """The texts of one row.

    Attributes:
        references: At least one accepted answer, the trained one first; where several people answered, all of theirs,
            repetitions included.
        answer: As generated; may be empty.

    """

    references: tuple[str, ...]
    answer: str


def score_text(answers: Sequence[TextAnswer]) -> dict[str, float]:
    """Score answers against their references; where a row has several, the one that fits best counts.

    Returns:
        ``text.*`` scores of ``spaces.metrics`` that need no logits; empty without rows, and without VQA accuracy if no
        row has three references.

    """
    if not answers:
        return {}
    return {**combined(text_parts(answer) for answer in answers), **corpus_scores(answers)}


def text_parts(answer: TextAnswer) -> dict[str, Part]:
    """Give what a row adds to each score of ``score_text`` but those of the whole corpus."""
    parts = {
        "text.exact_match": Part(exact_match(answer)),
        "text.token_f1": Part(best_token_f1(answer)),
        "text.rouge_l": Part(_rouge_l(answer)),
        "text.anls": Part(_similarity(answer)),
    }
    if len(answer.references) >= _FEWEST_PEOPLE:
        parts["text.vqa_accuracy"] = Part(_vqa_accuracy(answer))
    return parts


def corpus_scores(answers: Sequence[TextAnswer]) -> dict[str, float]:
    """Give the scores that count n-grams over all rows together, in 0–1; empty without rows."""
    return {name: _corpus_score(make(), answers) for name, make in _CORPUS.items()} if answers else {}


def sentence_parts(answer: TextAnswer) -> dict[str, Part]:
    """Give each score of ``corpus_scores`` for a row alone; their mean is not the corpus's score, but close to it."""
    return {
        name: Part(min(make().sentence_score(answer.answer, list(answer.references)).score / 100, 1.0))
        for name, make in _CORPUS.items()
    }


def exact_match(answer: TextAnswer) -> float:
    """Tell whether an answer equals a reference after SQuAD's normalisation: 1 or 0."""
    return float(normalised(answer.answer) in map(normalised, answer.references))


def best_token_f1(answer: TextAnswer) -> float:
    """Give the largest F1 over the words of an answer and of a reference, in 0–1."""
    return max(token_f1(reference, answer.answer) for reference in answer.references)


def normalised(text: str) -> str:
    """Lower-case a text and drop punctuation, English articles and extra spaces.

    References:
        Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016, arXiv 1606.05250;
        its evaluation script.

    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(reference: str, answer: str) -> float:
    """Give the harmonic mean of precision and recall over words, in 0–1; two empty texts agree."""
    true, found = normalised(reference).split(), normalised(answer).split()
    if not true or not found:
        return float(true == found)
    shared = sum((Counter(true) & Counter(found)).values())
    return 2 * shared / (len(true) + len(found))


class WordTokenizer(Tokenizer):
    """Finds the words of any script: runs of letters, their marks, and digits, in lower case.

    On ASCII texts it is rouge_score's own tokenizer without a stemmer, which drops every other character, so that an
    answer in Chinese would have no words at all.
    """

    @override
    def tokenize(self, text: str) -> list[str]:
        return "".join(char if _is_in_word(char) else " " for char in text.lower()).split()


def _is_in_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char).startswith("M")


_ROUGE = RougeScorer(["rougeL"], tokenizer=WordTokenizer())


def _rouge_l(answer: TextAnswer) -> float:
    """Give the largest F-measure over the longest common subsequence of words, in 0–1; equal texts without words agree.

    References:
        C.-Y. Lin. ROUGE: a package for automatic evaluation of summaries. Text Summarization Branches Out, 2004.
        https://aclanthology.org/W04-1013, section 3.1, with as much weight on precision as on recall.

    """
    equal = answer.answer.strip() in (reference.strip() for reference in answer.references)
    return 1.0 if equal else max(_ROUGE.score(true, answer.answer)["rougeL"].fmeasure for true in answer.references)


def _corpus_score(metric: BLEU | CHRF, answers: Sequence[TextAnswer]) -> float:
    """Give a score of sacrebleu over all rows together, in 0–1.

    BLEU leaves out orders of n-grams that are longer than every answer: it would be 0 for perfect answers of fewer than
    four words.

    References:
        K. Papineni et al. BLEU: a method for automatic evaluation of machine translation. ACL 2002.
        https://aclanthology.org/P02-1040
        M. Popović. chrF: character n-gram F-score for automatic MT evaluation. WMT 2015.
        https://aclanthology.org/W15-3049
        M. Post. A call for clarity in reporting BLEU scores. WMT 2018, arXiv 1804.08771.

    """
    streams = list(zip_longest(*(answer.references for answer in answers)))  # None where a row has no further reference
    score = metric.corpus_score([answer.answer for answer in answers], streams).score
    return min(score / 100, 1.0)  # BLEU of perfect answers is 100.00000000000004


def _similarity(answer: TextAnswer) -> float:
    """Give the largest normalised Levenshtein similarity, in 0–1, and 0 if it is below one half; case does not count.

    References:
        A. F. Biten et al. Scene text visual question answering. ICCV 2019, arXiv 1905.13648, equation 1.
        A similarity of exactly one half counts, as in the challenge's evaluation script; in the equation it does not.

    """
    found = answer.answer.lower().strip()
    best = max(Levenshtein.normalized_similarity(true.lower().strip(), found) for true in answer.references)
    return best if best >= _LEAST_SIMILAR else 0.0


def _vqa_accuracy(answer: TextAnswer) -> float:
    """Give the mean, over the ways to leave out one person, of a third of the others who agree, at most 1.

    References:
        S. Antol et al. VQA: visual question answering. ICCV 2015, arXiv 1505.00468, section 3.
        Y. Goyal et al. Making the V in VQA matter. CVPR 2017, arXiv 1612.00837; their evaluation script
        (https://github.com/GT-Vision-Lab/VQA), which does not normalise where all people say the same; this does.

    """
    found = vqa_normalised(answer.answer)
    agrees = [vqa_normalised(reference) == found for reference in answer.references]
    return fmean(min((sum(agrees) - own) / 3, 1.0) for own in agrees)


def vqa_normalised(text: str) -> str:
    """Normalise an answer as VQA v2's evaluation does.

    A punctuation mark goes if it stands beside a space somewhere or the text has a comma inside a number, else it
    becomes a space; a full stop goes unless a digit follows. In lower case, number words up to ten become digits,
    articles go, and contractions are the same with and without their apostrophes.
    """
    flat = " ".join(text.split())
    has_long_number = re.search(r"\d,\d", flat) is not None
    spaced = flat
    for mark in _VQA_MARKS:
        is_loose = has_long_number or f"{mark} " in flat or f" {mark}" in flat
        spaced = spaced.replace(mark, "" if is_loose else " ")
    words = [_VQA_WORDS.get(word, word) for word in re.sub(r"\.(?!\d)", "", spaced).lower().split()]
    return " ".join(_uncontracted(word) for word in words if word not in _VQA_ARTICLES)


def _uncontracted(word: str) -> str:
    bare = word.replace("'", "")
    return bare if bare in _VQA_CONTRACTIONS else word
