"""What a model says becomes a caption or a failed row; docs/models.md has a table of it, with a row for each group."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import pytest

from cliploom.engine.contract.errors import RowError
from cliploom.models.chat.answers import clean_answer, clean_text
from cliploom.models.chat.cleaning.repetition import loops
from cliploom.models.chat.model import ChatAnswer
from cliploom.models.text.languages import NAMES

CAPTION = "A brown dog runs along a wet beach at sunset while waves roll in behind it."
DOCS = Path(__file__).parents[3] / "docs" / "models.md"

MENDED = {
    "reasoning": [
        "<think>\ndog, beach\n</think>\n\n{}", "<think>\n\n</think>\n\n{}", "Okay.\n<think>a dog</think>\n{}",
        "They want one sentence. There is a dog, perhaps it is evening.\n</think>\n\n{}",
        "<thinking>There is a dog.</thinking>{}", "<Reasoning>a dog</Reasoning>\n{}", "[THINK]a dog[/THINK]{}",
        "◁think▷a dog◁/think▷{}", "<seed:think>a dog</seed:think>{}", "&lt;think&gt;a dog&lt;/think&gt;{}",
        "<|begin_of_thought|>a dog<|end_of_thought|><|begin_of_solution|>{}<|end_of_solution|>",
        "<|START_THINKING|>a dog<|END_THINKING|><|START_RESPONSE|>{}<|END_RESPONSE|>",
        "<think>a dog</think><answer>{}</answer>", "<|begin_of_box|>{}<|end_of_box|>", "\\boxed{{{}}}",
        "<longcat_think>a dog</longcat_think>{}", "<inner_monologue>a dog</inner_monologue>{}", "<CoT>a dog</CoT>{}",
        "<rationale>a dog</rationale>{}", "<|inner_prefix|>a dog<|inner_suffix|>{}", "<think/>{}",
        "Thinking...\na dog\n...done thinking.\n\n{}", "<think>a dog</think><final_caption>{}</final_caption>",
        "<SUMMARY>a</SUMMARY><CAPTION>b</CAPTION><REASONING>c</REASONING><CONCLUSION>{}</CONCLUSION>",
    ],
    "channels": [
        "<|channel|>analysis<|message|>A dog.<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
        "<|channel|>final<|message|>{}", "analysisWe need one sentence. There is a dog.assistantfinal{}",
        "<|channel>thought\na dog<channel|>{}", "analysis: A dog. final: {}", "**analysis**\nA dog.\n\n**final**\n{}",
    ],
    "answer labels": [
        "There is a dog. It runs.\n\nFinal answer: {}", "**Final Answer:** {}", "Reasoning: a dog.\nAnswer: {}",
        "Here is my thought process: a dog.\nHere is my response: {}", "Thought: a dog.\n**Caption:** {}",
    ],
    "special tokens": [
        "{}<|im_end|>", "<s> {} </s>", "{}<|eot_id|>", "{}<end_of_turn>", "{}<｜end▁of▁sentence｜>", "{}<|endoftext|>",
        "<|im_start|>assistant\n{}<|im_end|>", "[INST] Describe the clip. [/INST] {}", "{}[end of text]", "{}<eos>",
        "<image>{}<pad><pad>", "<|assistant|>\n{}", "<BOS_TOKEN>{}<EOS_TOKEN>", "<IMG_CONTEXT>{}",
        "<im_start>{}<im_end>",
        "{}<|im_end", "{}<|im_e", "{}</s", "{}<end_of_turn", "{}[/s]", "{} <END>", "{}\n###", "{}</a>",
    ],
    "tokenizer marks": ["{}<0x0A>", "<0x0A><0x20>{}", "▁{}", "\ufeff{}\u200b", "{}\ud800", "{}\ufffd", "{}\\n\\n"],
    "other turns": [
        "{}\nUser: thanks\nAssistant: welcome", "Assistant: {}", "ASSISTANT: {}", "{} User: And the next?",
        "{}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA cat.", "### Response:\n{}",
        "assistant\n\n{}", "{}assistant\n\nA cat.", "model\n{}", "{}\nQ: And the next?\nA: A cat.",
        "{}<end_of_turn>\n<start_of_turn>user\nA cat?", "{}\n### Instruction:\nDescribe the next clip.",
    ],
    "preambles": [
        "Sure! Here is the caption:\n\n{}", "Sure, here's a one-sentence description of the clip: {}", "Certainly! {}",
        "Of course! Here's the caption you asked for:\n{}", "Based on the frames provided, here is a caption: {}",
        "The caption is: {}", "Voici la description :\n{}", "Klar! Hier ist die Beschreibung:\n{}",
        "Aquí tienes la descripción: {}", "以下是描述：\n{}", "Here you go:\n{}",
        "Sure: {}", "As requested: {}", "Here's my attempt: {}", "The video shows the following: {}",
        "¡Por supuesto! {}",
        "Gerne! Hier ist die Bildunterschrift: {}", "Claro, aquí está: {}", "Tabii ki! İşte açıklama: {}",
        "Therefore, the caption: {}",
        "I would caption this clip as: {}", "The video can be described as follows: {}", "In one sentence: {}",
    ],
    "labels": [
        "Caption: {}", "**Caption:** {}", "## Caption\n{}", "Description: {}", "Final caption: {}", "Caption 1: {}",
        "My caption: {}", "Beschreibung: {}", "描述：{}", "Caption - {}", "AI: {}", "- **Caption**: {}",
        "Caption (English): {}", "Scene description: {}", "Alt text: {}", "Final version: {}", "ChatGPT: {}",
        "标题：{}",
        "```yaml\ncaption: {}\n```", "caption: >\n  {}", "Dense caption: {}", "وصف: {}", "Title: {}",
    ],
    "fences": ["```\n{}\n```", "```text\n{}\n```", "Here is the caption:\n```\n{}\n```\nLet me know!", "`{}`",
               "```caption\n{}", "```html\n<p>{}</p>\n```", '```python\n"{}"\n```'],
    "quotation marks": ['"{}"', "'{}'", "“{}”", "„{}“", "«{}»", "「{}」",
                        "[{}]", "【{}】", '\\"{}\\"', '"Caption: {}"', '**"{}"**', "``{}''",
                        "“{}“", '"{}', '{}"'],
    "Markdown": ["**{}**", "*{}*", "# {}", "- {}", "1. {}", "> {}", "{}\n\n---", "<p>{}</p>", "<caption>{}</caption>",
                 "– {}", "— {}"],
    "farewells": [
        "{}\n\nTell me if you want it shorter!", "{} I hope this helps!", "{}\n\nLet me know if you'd like more.",
        "{}\n\nWords: 16", "{}\n\n16 words", "{}\n\n#dog #beach", "{}\n\n¿Te gustaría que lo cambie?",
        "{}\n\nI have described the clip in one sentence.", "{} (16 words)", "{}\n\n(Note: I only saw some frames.)",
        "{}\n\nNote: the dog may be a wolf.",
    ],
    "an object": ['{{"caption": "{}"}}', '```json\n{{"caption": "{}"}}\n```', "{{'description': '{}'}}",
                  '"{{\\"caption\\": \\"{}\\"}}"', '{{"answer": {{"caption": "{}"}}}}', '["{}"]'],
}  # fmt: skip
REFUSED = {
    "truncated": [
        "<think>There is a dog", "[THINK]There is a dog", "A dog <think>", "analysisWe need to write one sentence.",
        "<|channel|>analysis<|message|>There is a dog.",
    ],
    "empty": [
        "", " \n", "!" * 200, "...", "…", "?!", "<think>A dog.</think>", "```\n```", "🙂", "Caption:", "N/A", "None",
        "[Insert caption here]", "string", "<|im_end|>", '""',
        "Not applicable.", "Unclear.", "Nothing.", "No response.", "Insufficient information.", "Cannot determine.",
    ],
    "refused": [
        "Unfortunately, I am not able to watch clips.", "I'm sorry, but I can't assist with that.", "Sorry.",
        "As an AI, I have no eyes.", "I cannot describe this video.", "I don't see any images in your message.",
        "There seem to be no frames here; please send them again.", "Please provide the frames of the clip.",
        "It looks like you haven't uploaded a video.", '"I’m sorry, but I can’t help with this request."',
        "A dog runs. However, I cannot see the video itself.", "Unable to describe the clip.", "No caption available.",
        "It is not possible to describe these frames.", "I'm not sure what this video shows.", "Error: out of memory",
        "Hello! How can I help you today?", "I am Qwen, created by Alibaba Cloud.",
        "I must decline to describe this.", "This content violates our usage policies.", "500 Internal Server Error",
        "Sorry, something went wrong.", "The request timed out.", "An error occurred while processing your request.",
        "The video could not be loaded.", "Image not found.", "Which frame do you mean?", "No frames given.",
        "Without the video, I cannot give a description.", "There is not enough information to describe the video.",
        "<html><body>502 Bad Gateway</body></html>", "Tut mir leid.", "죄송합니다. 이미지를 볼 수 없습니다.",
        "画像が見えません。", "비디오를 제공해 주세요.", "Tyvärr kan jag inte se videon.",
        "Lo siento, pero no puedo ver videos.", "Je suis désolé, mais je ne peux pas voir de vidéos.",
        "Leider kann ich das Video nicht sehen.", "Mi dispiace, ma non posso guardare i video.",
        "Infelizmente, não consigo visualizar o vídeo.", "Helaas kan ik de video niet bekijken.",
        "Niestety nie mogę oglądać filmów.", "К сожалению, я не могу посмотреть это видео.",
        "Вибачте, але я не можу переглянути відео.", "抱歉，我无法观看视频。",
        "申し訳ありませんが、動画を見ることができません。",
        "죄송하지만 동영상을 볼 수 없습니다.", "آسف، لا أستطيع مشاهدة الفيديو.", "मुझे खेद है, मैं वीडियो नहीं देख सकता।",
        "Üzgünüm, videoyu izleyemiyorum.", "Jag är ledsen, men jag kan inte se videon.",
        "Maaf, saya tidak dapat melihat video.", "Xin lỗi, tôi không thể xem video.", "ขออภัย ฉันไม่สามารถดูวิดีโอได้",
        "Omlouvám se, ale nemohu vidět video.", "متأسفم، نمی‌توانم ویدیو را ببینم.", "מצטער, אני לא יכול לצפות בסרטון.",
    ],
    "looping": [
        "dog " * 50, "A man in red. " * 30, "the dog runs and " * 10, "哈" * 60, "的狗在跑" * 12, "a" * 300,
        "A red car and a red car and a red car and a red car and a red car.",
        "A dog runs home. It is dark. A dog runs home. Yes. A dog runs home.",
    ],
    "reasoning": [
        "Okay, the user wants a caption. There is a dog.", "We need to write one sentence about a dog.",
        "Describe what happens in the clip in one sentence.", "Got it, let's tackle this. The clip shows a dog.",
        "User wants a caption.", "So, the task is to write a caption.", "We're asked to describe a clip.",
        "Need to produce one sentence. A dog runs.", "Hmm, the frames show a dog.", "Draft: A dog runs. Length: fine.",
        "用户要求我描述这段视频。视频里有一只狗。", "好的，我现在需要描述这个视频。",
        "ユーザーは説明を求めている。犬が走る。",
        "Okay, der Nutzer möchte eine Beschreibung.", "Voyons, l'utilisateur veut une légende.",
    ],
    "several": [
        "Option 1: A dog runs.\nOption 2: A cat sleeps.", "Caption 1: A dog runs.\nCaption 2: A dog jumps.",
        "Here are three captions:\n1. A dog.\n2. A cat.\n3. A cow.", "A dog runs.\n\nOR\n\nA dog sprints.",
        "A dog runs.\n\nAlternatively: A dog sprints.", "a) A dog runs.\nb) A dog sprints.",
        "Version 1\nA dog runs.\n\nVersion 2\nA cat sleeps.", "Short: A dog.\nLong: A brown dog runs.",
        "EN: A dog runs.\nES: Un perro corre.", "['A dog runs.', 'A cat sleeps.']",
    ],
    "malformed": [
        '{"objects": ["dog"], "count": 2}', '{"a": "A dog.", "b": "A cat."}', '{"captions": ["A dog.", "A cat."]}',
        "| Frame | What |\n|---|---|\n| 1 | A dog runs |",
    ],
    "too_long": [" ".join(f"word{i}" for i in range(20_000))],
}  # fmt: skip
REFUSALS = {
    "ar": "عذراً، لا أستطيع مشاهدة الفيديو.", "bg": "Съжалявам, но не мога да видя видеото.",
    "bn": "দুঃখিত, আমি ভিডিও দেখতে পারি না।", "ca": "Ho sento, però no puc veure el vídeo.",
    "cs": "Bohužel nemohu video vidět.", "da": "Undskyld, men jeg kan ikke hjælpe.",
    "de": "Ich kann keine Videos ansehen.", "el": "Λυπάμαι, αλλά δεν μπορώ να δω το βίντεο.",
    "en": "I can’t view or analyze videos.", "es": "No tengo acceso al video.",
    "et": "Vabandust, aga ma ei saa videot vaadata.", "fa": "ببخشید، نمی‌توانم ویدیو را ببینم.",
    "fi": "Valitettavasti en voi katsoa videota.", "fr": "En tant que modèle de langage, je ne peux pas voir.",
    "he": "סליחה, אני לא יכול לראות את הסרטון.", "hi": "माफ़ कीजिए, मैं मदद नहीं कर सकता।",
    "hr": "Žao mi je, ali ne mogu vidjeti video.", "hu": "Sajnálom, de nem tudok videókat nézni.",
    "id": "Maaf, saya tidak dapat menonton video.", "it": "Non posso vedere il video.",
    "ja": "申し訳ございませんが、お手伝いできません。", "ko": "저는 AI 언어 모델이므로 동영상을 볼 수 없습니다.",
    "lt": "Deja, negaliu matyti vaizdo įrašo.", "lv": "Diemžēl es nevaru skatīties video.",
    "ms": "Maaf, tetapi saya tidak boleh menonton video.", "nb": "Beklager, jeg kan ikke se videoen.",
    "nl": "Het spijt me, maar ik kan geen video's bekijken.", "nn": "Beklagar, men eg kan ikkje sjå videoen.",
    "no": "Dessverre kan jeg ikke se videoen.", "pl": "Przepraszam, ale nie mogę obejrzeć wideo.",
    "pt": "Não consigo ver o vídeo.", "ro": "Din păcate, nu pot vedea videoclipul.",
    "ru": "Извините, но я не могу помочь с этим.", "sk": "Prepáčte, ale nemôžem pozerať videá.",
    "sl": "Žal ne morem videti videa.", "sr": "Извињавам се, али не могу да видим видео.",
    "sv": "Tyvärr kan jag inte se videon.", "sw": "Samahani, siwezi kutazama video.",
    "ta": "மன்னிக்கவும், என்னால் வீடியோவைப் பார்க்க முடியாது.", "te": "క్షమించండి, నేను వీడియోను చూడలేను.",
    "th": "ขอโทษค่ะ ดิฉันไม่สามารถดูวิดีโอได้", "tl": "Paumanhin, hindi ko mapapanood ang video.",
    "tr": "Özür dilerim, videoyu göremiyorum.", "uk": "На жаль, я не можу переглянути відео.",
    "ur": "معذرت، میں ویڈیو نہیں دیکھ سکتا۔", "vi": "Tôi xin lỗi, nhưng tôi không thể xem video.",
    "zh": "很抱歉，我无法查看视频。",
}  # fmt: skip
"""A refusal in each language that captions can be asked for in."""
HONEST = [
    CAPTION,
    "A man says sorry to his sister.",
    '"I\'m sorry, but I can\'t help you," says a man in a black suit.',
    "A woman sings \"I'm sorry\" on a small stage.",
    "I'm sorry plays over the credits as a woman cries.",
    "Sorry, a song by Justin Bieber, plays while people dance.",
    "A robot says: 'As an AI, I cannot feel.'",
    'A sign reads "Please provide your ticket" above a gate.',
    'The screen shows the text "No video available" on a grey background.',
    "There are no people in the frame, and no text is visible.",
    "There are no images, only white text on a black background.",
    "The clip shows nothing but a black screen.",
    "Unfortunately for the man, the dog does not let go of the ball.",
    "A man says that he cannot see the video on his phone.",
    '"Go!" says a man, and a woman answers "No."',
    "'Go!' says a man, and a woman answers 'No.'",
    'The word "Caption" is written on a board.',
    "Captions scroll over a picture of a city.",
    'A man holds a card that says "Caption: a dog" and laughs.',
    "A review shows ***** in gold, rated 5 * 3 times.",
    "A shirt reads F*CK and a cap reads M*A*S*H.",
    "The file __init__.py is open in an editor, with snake_case_names in it.",
    "A hashtag, #wow, stands under the picture at 3:45 pm.",
    'A screen shows: "User: hello" and below it "Assistant: hi".',
    'The text "<think>" is shown in a terminal.',
    "A man shouts \"Let me know if you need more. I hope this helps!\" and leaves.",
    "A man says, 'Thanks. Let me know if you can come.'",
    "A crowd chants \"Go! Go! Go! Go! Go! Go! Go! Go!\" in a stadium.",
    "A scoreboard shows 3 < 5 and 7 > 2 & more.",
    "This is followed by a title card reading: WELCOME.",
    "Here is a man: he sings.",
    "The chef – a woman – cuts onions; it's 8 o'clock.",
    "The dogs' bowls are empty, and the '90s song \"Yes\" plays.",
    "A quiz shows the question: is water wet? Answer: yes.",
    "Two people shake hands; it's a deal: 50/50.",
    "Ġorġ, a Maltese man, walks along the harbour.",
    "No, no, no! I said no, and no means no.",
    "A car, a bus and a car and a bus and a truck and a car pass by.",
    "Un homme dit « je ne peux pas voir » à une femme.",
    "一个男人说：“抱歉，我无法观看视频。”",
    "女の人が「すみません、できません」と言う。",
    "A man looks at a broken engine and sees that something went wrong.",
    "The question asks what the capital of France is; a boy presses a buzzer.",
    "A user wants to log in and types a password on a phone.",
    "ユーザーがスマートフォンの画面を操作している。",
    "사용자가 휴대폰 화면을 누른다.",
    "用户需要输入密码，然后点击登录。",
    "Deja caer un libro negro sobre la mesa.",
    "A model walks down a runway.",
    "A screen shows List<String> and a vector<int> in an editor.",
    "A heart, <3, is drawn on a fogged window.",
    "An arrow -> points at x_1 < y_2 on a board.",
    "A sign in two languages, English: stop, French: arrêt.",
    "The final score is 3:2, and the team in red cheers.",
    "A woman plans a trip on a map; a plan of the city hangs on the wall.",
    "The instructions say to fold the paper twice, and a hand does so.",
    "It is either a wolf or a dog; the fog hides most of it.",
    "A man types 'A' or 'B' on a keyboard and waits.",
    'A girl reads "Once upon a time, there was a king',
    "A nurse writes down the height of a girl, 5'2\"",
    "Title cards follow one another, white on black.",
    "A player is sent off for a foul that violates the rules of the game.",
]  # fmt: skip


def answer(text: str, finish_reason: str = "stop") -> ChatAnswer:
    return ChatAnswer(text, finish_reason, 10, 20)


@pytest.mark.parametrize("group", MENDED)
def test_what_stands_around_a_caption_is_taken_off(group: str) -> None:
    given = {text: clean_answer(answer(text.format(CAPTION))) for text in MENDED[group]}
    assert given == dict.fromkeys(given, CAPTION)


@pytest.mark.parametrize("kind", REFUSED)
def test_answers_that_cannot_be_used(kind: str) -> None:
    for text in REFUSED[kind]:
        with pytest.raises(RowError) as caught:
            print(repr(text), "became", clean_answer(answer(text)))
        assert caught.value.kind == kind, text
        assert not text.strip() or repr(text.strip())[1:20] in caught.value.message


def test_refusals_are_known_in_each_language_that_is_served() -> None:
    assert set(REFUSALS) == set(NAMES)
    for code, text in REFUSALS.items():
        with pytest.raises(RowError) as caught:
            print(code, "became", clean_answer(answer(text)))
        assert caught.value.kind == "refused", text


@pytest.mark.parametrize("text", HONEST)
def test_honest_captions_stay_as_they_are(text: str) -> None:
    assert clean_answer(answer(text)) == text


def test_wrappings_lie_in_each_other() -> None:
    text = f'<think>Hm.</think>Sure! Here is the caption:\n\n**Caption:** "{CAPTION}"<|im_end|>\n\nTell me more!'
    assert clean_answer(answer(text)) == CAPTION
    assert clean_answer(answer(f"```\n**Caption:** “{CAPTION}”\n```\nI hope this helps!")) == CAPTION


def test_marks_inside_a_caption_become_what_they_stand_for() -> None:
    assert clean_answer(answer(CAPTION.replace(" ", "Ġ"))) == CAPTION
    assert clean_answer(answer(CAPTION.replace(" ", "▁"))) == CAPTION
    assert clean_answer(answer("A brown dog runs<0x0A>along the beach.")) == "A brown dog runs along the beach."
    assert clean_answer(answer("A caf<0xC3><0xA9> by the sea.")) == "A café by the sea."
    assert clean_answer(answer("A man &amp; a dog, \ud83d and a **big** ball.")) == "A man & a dog, and a big ball."
    assert clean_answer(answer('"A dog runs".')) == "A dog runs."
    assert clean_answer(answer("- A dog runs.\n- It is late.\n")) == "A dog runs. It is late."


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer("A dog ru", "length"), "truncated"),
        (answer("", "length"), "truncated"),
        (answer("<think>A dog, or is it a", "length"), "truncated"),
        (answer("A man " * 40, "length"), "looping"),
        (answer("!" * 200, "length"), "looping"),
        (answer("", "content_filter"), "refused"),
        (answer("No.", "refusal"), "refused"),
    ],
)
def test_answers_that_were_cut_off_or_held_back(given: ChatAnswer, kind: str) -> None:
    with pytest.raises(RowError) as caught:
        clean_answer(given)
    assert caught.value.kind == kind
    assert given.text[7:15] in caught.value.message


def test_repetition_is_counted() -> None:
    assert loops("la " * 6)
    assert not loops("la " * 5)
    assert loops("one two " * 4)
    assert not loops("one two " * 3)


@pytest.mark.parametrize(
    "piece",
    ["\n#", "\n", " \n *", "<a", "<think", "[[", "{", '"', "'", "** ", "| -", "*a ", ". or\n ", "', '", " final",
     "Sure! ", "Caption: ", "```\n", "&amp;", "<0x41>", "\\n", "。", "Let me know. "],
)  # fmt: skip
@pytest.mark.parametrize("start", ["", "analysis: A", "['a", "Here is"])
def test_no_text_takes_long(start: str, piece: str) -> None:
    text = start + piece * (30_000 // len(piece)) + "x"
    began = time.process_time()
    with contextlib.suppress(RowError):
        clean_answer(answer(text))
    assert time.process_time() - began < 3


def test_a_long_raw_answer_is_shortened() -> None:
    with pytest.raises(RowError) as caught:
        clean_answer(answer(" ".join(f"word{i}" for i in range(900)), "length"))
    assert 1500 < len(caught.value.message) < 1600
    assert "…" in caught.value.message


def test_cleaning_twice_changes_nothing() -> None:
    for text in (t.format(CAPTION) for group in MENDED.values() for t in group):
        assert clean_text(clean_text(text)) == clean_text(text)


def test_the_docs_have_a_row_for_each_group() -> None:
    table = DOCS.read_text(encoding="utf-8").partition("## Answers")[2]
    rows = re.findall(r"^\| `?([\w ]+)`? \| (\S+)", table, re.MULTILINE)
    assert [name for name, what in rows if what == "mended:"] == list(MENDED)
    refused = {name for name, what in rows if what == "refused:"}
    assert refused == {*REFUSED, "wrong_language", "invalid"}
