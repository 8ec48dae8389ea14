import pytest

from trainable.evaluation.text import TextAnswer, WordTokenizer, normalised, score_text, token_f1, vqa_normalised


def score(name, *rows):
    return score_text([TextAnswer(references, answer) for references, answer in rows])[f"text.{name}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Red, circle!", "red circle"),
        ("an apple a day", "apple day"),
        ("theatre", "theatre"),
        ("It's 3.5", "its 35"),
        ("the", ""),
    ],
)
def test_texts_are_normalised_as_squad_does(text, expected):
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        ("the red circle", "a red circle", 1.0),
        ("red circle", "red square", 0.5),
        ("red circle and blue square", "red circle", 4 / 7),
        ("red red", "red", 2 / 3),
        ("the", "a", 1.0),
        ("the", "red", 0.0),
        ("red", "", 0.0),
    ],
)
def test_f1_counts_shared_words_with_repetition(reference, answer, expected):
    assert token_f1(reference, answer) == pytest.approx(expected)


def test_exact_match_is_judged_after_normalisation():
    rows = [(("It is red.",), "it is RED"), (("It is red.",), "It is blue.")]
    assert score("exact_match", *rows) == 0.5
    assert score("token_f1", *rows) == pytest.approx((1 + 2 / 3) / 2)


def test_the_reference_that_fits_best_counts():
    row = (("nothing like it", "red circle", "red"), "red square")
    assert score("exact_match", row) == 0
    assert score("token_f1", row) == pytest.approx(2 / 3)  # with "red": precision 1/2, recall 1
    assert score("rouge_l", row) == pytest.approx(2 / 3)
    assert score("anls", row) == pytest.approx(5 / 10)  # with "red circle": "red " and the last letter stay
    assert score("exact_match", (("red", "blue"), "Blue.")) == 1


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        # rouge_score's own tests, checked there against ROUGE-1.5.5
        ("testing one two", "testing one", 4 / 5),
        ("testing one two", "testing two", 4 / 5),
        ("testing one two", "", 0),
        ("first text", "text first", 1 / 2),
        # by hand
        ("police killed the gunman", "the gunman killed police", 1 / 2),
        ("Red, circle!", "red circle", 1),
        ("!", "!", 1),
        ("!", "?", 0),
    ],
)
def test_rouge_l_is_that_of_its_published_examples(reference, answer, expected):
    assert score("rouge_l", ((reference,), answer)) == pytest.approx(expected)


# the examples of sacrebleu's README, "Using SacreBLEU from Python"
SYSTEM = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
FIRST = ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]
SECOND = ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."]


def test_bleu_and_chrf_are_those_of_their_published_example():
    rows = list(zip(zip(FIRST, SECOND, strict=True), SYSTEM, strict=True))
    assert score("bleu", *rows) == pytest.approx(0.4853, abs=5e-5)
    assert score("chrf", *rows) == pytest.approx(0.5973, abs=5e-5)


def test_rows_may_have_different_numbers_of_references():
    rows = list(zip([(SECOND[0],), *zip(FIRST[1:], SECOND[1:], strict=True)], SYSTEM, strict=True))
    assert score("bleu", *rows) == pytest.approx(0.2944, abs=5e-5)


def test_bleu_of_short_answers_leaves_out_the_n_grams_that_they_cannot_have():
    assert score("bleu", (("red",), "red"), (("two",), "two")) == 1
    assert score("bleu", (("red",), "red"), (("two",), "three")) == pytest.approx(1 / 2)
    # unigrams 3 of 4, bigrams 1 of 2, no answer longer
    assert score("bleu", (("a red",), "a red"), (("a dog",), "a cat")) == pytest.approx((3 / 4 * 1 / 2) ** 0.5)


@pytest.mark.parametrize(
    ("answer", "expected"),
    # the examples of the Robust Reading Competition, https://rrc.cvc.uab.es/?ch=11&com=tasks
    [("The Coca", 0), ("CocaCola", 8 / 9), ("Coca cola", 1), ("Cola", 0), ("Cat", 0)],
)
def test_anls_is_that_of_its_published_examples(answer, expected):
    assert score("anls", (("Coca Cola", "Coca Cola Company"), answer)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "expected"), [("abcd", 1), ("abcx", 0.75), ("abxy", 0.5), ("axyz", 0), ("", 0), (" ABCD\n", 1)]
)
def test_a_similarity_below_one_half_counts_nothing(answer, expected):
    assert score("anls", (("abcd",), answer)) == expected


@pytest.mark.parametrize(("agreeing", "expected"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)])
def test_vqa_accuracy_of_ten_people_is_that_of_the_official_evaluation(agreeing, expected):
    # by hand: of the ten ways to leave one person out, `agreeing` leave out one who agrees
    people = ("red",) * agreeing + tuple(f"other {number}" for number in range(10 - agreeing))
    assert score("vqa_accuracy", (people, "red")) == pytest.approx(expected)


def test_three_people_are_enough_for_vqa_accuracy_and_can_give_two_thirds():
    assert score("vqa_accuracy", (("red",) * 3, "red"), (("red",) * 2, "blue")) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Red  Dog", "red dog"),
        ("two", "2"),
        ("None", "0"),
        ("ten dogs", "10 dogs"),
        ("eleven", "eleven"),
        ("don't", "dont"),
        ("Dont", "dont"),
        ("he'dve", "hedve"),
        ("its", "its"),
        ("it's", "it's"),
        ("yes.", "yes"),
        ("3.5", "3.5"),
        ("red/blue", "red blue"),
        ("red, blue", "red blue"),
        ("red,blue", "red blue"),
        ("1,000", "1000"),
        ("1,000 t-shirts", "1000 tshirts"),
        ("t-shirt", "t shirt"),
        ("t-shirt - red", "tshirt red"),
        ("what?\tyes!", "what yes"),
        ("", ""),
    ],
)
def test_answers_are_normalised_as_the_vqa_evaluation_does(text, expected):
    assert vqa_normalised(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ein grüner Kreis!", ["ein", "grüner", "kreis"]),
        ("一只红色的圆。蓝色", ["一只红色的圆", "蓝色"]),
        ("สวัสดีครับ ไปไหน", ["สวัสดีครับ", "ไปไหน"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("snake_case 3.5", ["snake", "case", "3", "5"]),
    ],
)
def test_words_of_any_script_keep_their_letters_and_marks(text, words):
    assert WordTokenizer().tokenize(text) == words


@pytest.mark.parametrize("text", ["一只红色的圆", "สวัสดีครับ", "красный круг", "赤い丸です。"])
def test_a_right_answer_in_any_script_is_right_and_a_wrong_one_is_not(text):
    right = score_text([TextAnswer((text,) * 4, text)])
    wrong = score_text([TextAnswer((text,) * 4, "xyz")])
    assert set(right.values()) == {1}
    assert set(wrong.values()) == {0}


def test_a_part_of_a_sentence_without_spaces_is_judged_by_characters_alone():
    scores = score_text([TextAnswer(("一只红色的圆",), "一只红色的方")])
    assert [scores[f"text.{name}"] for name in ("token_f1", "rouge_l", "bleu")] == [0, 0, 0]
    assert scores["text.anls"] == pytest.approx(5 / 6)
    assert scores["text.chrf"] > 0.4


def test_empty_answers_score_nothing():
    assert set(score_text([TextAnswer(("red", "red", "blue"), ""), TextAnswer(("a red dog",), "")]).values()) == {0}
