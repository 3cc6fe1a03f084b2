"""Subtitle files as the world writes them."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cliploom.builders.subtitles.ass import read_ass
from cliploom.builders.subtitles.blocks import read_blocks
from cliploom.builders.subtitles.cues import Cue, Track, plain_tokens, read_payload, words
from cliploom.builders.subtitles.encodings import decode
from cliploom.builders.subtitles.files import read_file
from cliploom.builders.subtitles.json3 import read_json3
from cliploom.builders.subtitles.lyrics import read_lrc
from cliploom.builders.subtitles.marks import without_marks
from cliploom.builders.subtitles.rolling import clean_cues
from cliploom.builders.subtitles.sami import read_smi
from cliploom.builders.subtitles.sbv import read_sbv
from cliploom.builders.subtitles.sentences import TextPiece, ends_sentence, sentences
from cliploom.builders.subtitles.streams import packet_text
from cliploom.builders.subtitles.timed_xml import read_xml
from cliploom.engine.contract.errors import RowError
from cliploom.media.languages import bcp47, file_language

ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:01.000 --> 00:00:03.290 align:start position:0%
 
so<00:00:01.599><c> we</c><00:00:01.840><c> fold</c><00:00:02.380><c> the</c>

00:00:03.290 --> 00:00:03.300 align:start position:0%
so we fold the
 

00:00:03.300 --> 00:00:04.970 align:start position:0%
so we fold the
paper<00:00:03.480><c> and</c><00:00:03.720><c> turn</c>

00:00:04.970 --> 00:00:04.980 align:start position:0%
paper and turn
 

00:00:04.980 --> 00:00:07.610 align:start position:0%
paper and turn
it

00:00:07.610 --> 00:00:07.620 align:start position:0%
it
 
"""  # noqa: W293 - the blank lines that YouTube writes hold a space


def shown(text: str) -> list[tuple[float, float, str]]:
    return [(c.start_s, c.end_s, c.text) for c in read_blocks(text, "x.vtt").cues]


def cue(start_s: float, end_s: float, text: str) -> Cue:
    return Cue(start_s, end_s, tuple(plain_tokens(text)))


def test_srt_and_vtt_of_the_same_words_are_the_same(media: Path) -> None:
    srt = read_file(str(media / "sintel_trailer.en.srt"), "srt")
    vtt = read_file(str(media / "sintel_trailer.en.vtt"), "vtt")
    assert srt == vtt
    assert [(c.start_s, c.end_s, c.text) for c in srt.cues][:2] == [
        (12.0, 14.5, "What brings you to the land of the gatekeepers?"),
        (18.4, 20.0, "I'm searching for someone."),
    ]


def test_everything_around_the_words_is_taken_off() -> None:
    text = (
        "WEBVTT - a film\nKind: captions\nLanguage: sv\nStyle:\n::cue(c.x) { color: red;\n}\n##\n\n"
        "STYLE\n::cue { color: red }\n\nREGION\nid:a\n\nNOTE\nmore --> than that\n\n"
        "the first one\n00:01.000 --> 00:02.000 line:0 align:start\n"
        "<v Ann>Hi <i>there</i> &amp; <b.loud>bye</b></v>\n\n"
        "NOTE done\n\n2\n1:00:03.500 --> 1:00:04.000\n<c.colorE5E5E5>a &lt;i&gt; b</c>&nbsp;&#39;c&#39;\u200b\n\n"
        "00:05.000 --> 00:06.000\n\n"
        '00:07.000 --> 00:08.000\n{\\an8}<font color="#fff">1 < 2</font> I <3 it\n'
    )
    assert shown(text) == [
        (1.0, 2.0, "Hi there & bye"),
        (7.0, 8.0, "1 < 2 I <3 it"),
        (3603.5, 3604.0, "a <i> b 'c'"),
    ]
    assert read_blocks(text, "x").language == "sv"


def test_what_players_take_is_taken() -> None:
    assert shown("") == shown("WEBVTT") == shown("WEBVTT\n\nNOTE nothing\n") == []
    windows = "1\r\n00:00:01,000 --> 00:00:02.5\r\nOne\r\n\r\n\r\n2\r\n00:00:03,000-->00:00:04,000 X1:1\r\nTwo\r\nlines"
    assert shown(windows) == [(1.0, 2.5, "One"), (3.0, 4.0, "Two lines")]
    no_header = "00:02.000 --> 00:03.000\nb\n\n00:01.000 --> 00:02.000\na"
    assert shown(no_header) == [(1.0, 2.0, "a"), (2.0, 3.0, "b")]
    crowded = "WEBVTT\n00:01.000 --> 00:02.000\na\n00:02.000 --> 00:03.000\nb\n3\n00:03.000 --> 00:04.000\nc"
    assert [t for _, _, t in shown(crowded)] == ["a", "b", "c"]
    assert shown("Made by me\n\n1\n00:00:01,000 --> 00:00:02,000\nOne\n") == [(1.0, 2.0, "One")]
    gap_inside = "1\n00:00:01,000 --> 00:00:02,000\none\n\ntwo\n\n2\n\n3\n00:00:03,000 --> 00:00:04,000\n1984\n"
    assert [t for _, _, t in shown(gap_inside)] == ["one two", "1984"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("some text", 1),
        ("1", 1),
        ("1\n00:00:01,000 --> 00:00\nOne\n", 2),
        ("1\n-00:00:01,000 --> 00:00:02,000\nOne\n", 2),
        ("<html>\n<body>403</body>", 1),
    ],
)
def test_what_no_player_could_read_is_named_by_line(text: str, line: int) -> None:
    with pytest.raises(RowError, match=f"^bad.srt:{line}: ") as error:
        read_blocks(text, "bad.srt")
    assert error.value.kind == "bad_subtitle"


@pytest.mark.parametrize(
    "times",
    [
        "00:00:01:500 --> 00:00:02:000", "00 : 00 : 01,500 --> 00 : 00 : 02,000", "00:00:01, 500 --> 00:00:02, 000",
        "00:00:01,500 -> 00:00:02,000", "00:00:01,500 --&gt; 00:00:02,000", "00:00:01,500 —> 00:00:02,000",
        "00:00:01,500 → 00:00:02,000", "00:00:01;500 --> 00:00:02", "00:00:01.500000 --> 00:00:02.000000",
        "００：００：０１，５００ --> ００：００：０２，０００", "0:0:1.5-->0:0:2.0 X1:100 X2:200",
        "00:01.500 --> 00:02.000",
    ],
)  # fmt: skip
def test_times_however_they_are_written(times: str) -> None:
    for end in ("\n", "\r\n", "\r", "\r\r\n"):
        track = read_blocks(f"1\n{times}\nOne\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n".replace("\n", end), "x.srt")
        said = [(c.start_s, c.end_s, c.text) for c in track.cues]
        assert (said, track.skipped) == ([(1.5, 2.0, "One"), (3.0, 4.0, "Two")], ())


def test_text_that_was_encoded_twice_is_decoded_twice() -> None:
    once = "1\n00:00:01,000 --> 00:00:02,000\nCafé à l’ouest, déjà vu — ça va? ♪\n"
    twice = "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) if b > 127 else chr(b) for b in once.encode())
    assert "CafÃ©" in twice and decode(twice.encode(), "x.srt") == once
    for honest in (once, "« CAFÉ », ALLÉ», NÃO, Ñoño", "Ã© is how é looks when it is misread, ça va, à bientôt"):
        assert decode(honest.encode(), "x.srt") == honest
    japanese = "こんにちは、世界。"
    assert decode(japanese.encode("iso2022_jp"), "x.srt") == japanese


def test_encodings(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nDéjà vu, garçon\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        path = tmp_path / "x.srt"
        path.write_bytes(text.encode(encoding))
        assert read_file(str(path), "srt").cues[0].text == "Déjà vu, garçon"
    with pytest.raises(RowError, match=r"nope.srt: cannot be read \(No such file"):
        read_file(str(tmp_path / "nope.srt"), "srt")


SPOKEN = {
    "pl": ("cp1250 iso8859_2", "Zażółć gęślą jaźń, powiedział mój brat.", "Łódka płynie przez jezioro, słońce świeci."),
    "cs": ("cp1250", "Dobrý den, jak se máte?", "Nevím, co se stalo, ale už musím jít."),
    "hu": ("cp1250", "Jó napot kívánok, hogy van?", "Nem tudom, mi történt, de mennem kell."),
    "ro": ("cp1250", "Bună ziua, ce mai faceţi?", "Nu ştiu ce s-a întâmplat, dar trebuie să plec."),
    "ru": ("cp1251 koi8_r cp866 iso8859_5", "Добрый день, друзья.", "Сегодня мы готовим борщ в Microsoft Office."),
    "uk": ("cp1251 koi8_u", "Добрий день, як ваші справи?", "Мені вже час іти."),
    "el": ("cp1253", "Καλημέρα, τι κάνετε;", "Δεν ξέρω τι συνέβη, αλλά πρέπει να φύγω."),
    "tr": ("cp1254", "Günaydın, nasılsınız?", "Ne olduğunu bilmiyorum ama gitmem gerekiyor."),
    "he": ("cp1255", "שלום, מה שלומך?", "אני לא יודע מה קרה."),
    "ar": ("cp1256", "صباح الخير، كيف حالك؟", "لا أعرف ماذا حدث، لكن يجب أن أذهب."),
    "lt": ("cp1257", "Labai ačiū, buvo tikrai nuostabu.", "Nežinau, kas atsitiko, šypsokitės."),
    "th": ("cp874", "สวัสดีครับ สบายดีไหม", "ฉันไม่รู้ว่าเกิดอะไรขึ้น"),
    "ja": ("shift_jis euc_jp", "おはようございます、お元気ですか。", "行かなければなりません。"),
    "ko": ("euc_kr", "안녕하세요, 잘 지내세요?", "정말 감사합니다."),
    "zh": ("gb18030 big5", "早上好，你好嗎？", "我不知道發生了什麼，但我必須走了。"),
    "fr": ("cp1252 mac_roman", "L'été dernier, nous étions déjà à la mer.", "Je ne sais pas, ça va ?"),
    "de": ("cp1252", "Ich weiß nicht, was passiert ist.", "Über die Brücke fährt ein schöner Zug."),
    "sv": ("cp1252", "God morgon, hur mår du?", "Jag måste gå, tack så mycket."),
    "en": ("cp1252", "It’s the café on the corner.", "“I don’t know,” he said – and left."),
}


@pytest.mark.parametrize("language", SPOKEN)
def test_code_pages_are_told_by_the_letters_also_of_short_files(language: str) -> None:
    pages, *lines = SPOKEN[language]
    for page in pages.split():
        for count in (1, 2):
            text = "".join(
                f"{i}\n00:00:0{i},000 --> 00:00:0{i},900\n{line}\n\n" for i, line in enumerate(lines[:count])
            )
            for declared in ("", language):
                assert decode(text.encode(page), "x.srt", declared) == text, (page, count)


def test_a_language_that_the_name_tells_decides_what_letters_leave_open() -> None:
    raw = "1\n00:00:01,000 --> 00:00:02,000\nBonjour, comment ça va ?\n".encode("cp850")
    assert "ça" not in decode(raw, "x.srt") and "comment" in decode(raw, "x.srt")
    wrong = "1\n00:00:01,000 --> 00:00:02,000\nДобрый день, друзья.\n".encode("cp1251")
    assert "Добрый день" in decode(wrong, "x.srt", "en")


def test_damaged_utf_8_stays_utf_8_and_noise_is_refused() -> None:
    good = "Zażółć gęślą jaźń. " * 10
    assert decode(good.encode() + b"\xff", "x.srt") == good
    with pytest.raises(RowError, match="x.srt:2: this is in no encoding that can be told"):
        decode(bytes(range(256)) * 3, "x.srt")


def test_one_odd_cue_is_skipped_alone_and_named(tmp_path: Path) -> None:
    good = "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n"
    for odd, line in (
        ("2\n00:00:04,0000 --> 00:00:06,000\nlost\n\nalso lost\n\n", 6),
        ("2\n-00:00:01,000 --> 00:00:02,000\nlost\n\n", 6),
        ("2\nlost\n\n", 5),
        ("00:00:04,000 --> 00:00\nlost\n\n", 5),
    ):
        track = read_blocks(good + odd + good.replace("One", "Two"), "x.srt")
        assert [c.text for c in track.cues] == ["One", "Two"]
        assert len(track.skipped) == 1 and track.skipped[0].startswith(f"x.srt:{line}: ")
    events = [{"tStartMs": s, "dDurationMs": 9, "segs": [{"utf8": "a"}]} for s in (1, None, 2)]
    track = read_json3(json.dumps({"events": events}), "x")
    assert len(track.cues) == 2 and track.skipped[0].startswith("x: event 1 has no right times")


def test_spaces_and_breaks_of_ass_are_read_in_srt_too() -> None:
    text = (
        '1\n00:00:01,000 --> 00:00:03,000\n{\\an7}<font face="Monospace">{\\an7}\\h\\hTHE MAYOR\\hTODAY\\Nsaid</font>\n'
    )
    assert shown(text)[0][2] == "THE MAYOR TODAY said"
    assert shown("1\n00:00:01,000 --> 00:00:03,000\nopen C:\\new\\home now\n")[0][2] == "open C:\\new\\home now"


@pytest.mark.parametrize(
    ("lines", "spoken"),
    [
        ("[Music]", ""),
        ("¶ la la ¶ *laughs* Hi", "la la Hi"),
        ("WOMAN (V.O.): Hello.", "Hello."),
        ("- [door opens] - Hello.\n≫ Bye.", "Hello. Bye."),
        ("It is *very* cold.", "It is *very* cold."),
        (">> JOHN: - Hello there.\n- (laughs) Hi! ♪ la la ♪", "Hello there. Hi! la la"),
        (">> John Smith: hello. >> ANN: HI", "hello. HI"),
        ("(GUNSHOT)\n[speaking French]", ""),
        ("MAN #2: Where is it?\nDR. WHO: There.", "Where is it? There."),
        ("- [Ann] Yes.\n– No.", "Yes. No."),
        ("I was there (my brother too) in (2010).", "I was there (my brother too) in (2010)."),
        ("THE MAYOR SAID: WE ARE OPEN.", "THE MAYOR SAID: WE ARE OPEN."),
        ("Remember this: it is 1:30.", "Remember this: it is 1:30."),
        ("He left (door slams) (applause continues) at -5 degrees", "He left (door slams) at -5 degrees"),
        ("well-known, 5 - 3", "well-known, 5 - 3"),
        ("♪♪", ""),
        ("# We are the world #", "We are the world"),
        ("【拍手】（笑）こんにちは", "こんにちは"),
        ("The #1 fan", "The #1 fan"),
        ("(sighs).", ""),
        ("...", "..."),
    ],
)
def test_sounds_songs_and_speakers_are_no_speech(lines: str, spoken: str) -> None:
    cues = [*without_marks([Cue(1.0, 2.0, read_payload(lines))])]
    assert " ".join(c.text for c in cues) == spoken
    assert [*without_marks(cues)] == cues


def test_words_keep_their_times_where_a_mark_is_taken_off() -> None:
    [left] = without_marks(
        [Cue(1.0, 4.0, read_payload("[Loud<00:01.500><c> music]</c><00:02.000><c> so</c><c> we</c>"))]
    )
    assert [(w.text, w.start_s) for w in words(left)] == [("so", 2.0), ("we", 3.0)]


TTML = """<?xml version="1.0" encoding="utf-16"?><!-- made by hand -->
<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="en" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25"
 ttp:tickRate="1000"><head><metadata><x>no</x></metadata></head><body><div begin="1s">
  <p begin="00:00:01.000" end="00:00:03.000">Hello <span>from</span><br/>
    TTML &amp; you &nbsp; &</p>
  <p begin="4000t" dur="500ms">ticks</p><p begin="00:00:05:05" end="6s">frames</p><p begin="soon" end="7s">lost</p>
  <p><span begin="8s" end="9s">one</span> <span begin="9s" end="10s">two</span></p>
</div></body></tt>"""
ASS = """[Script Info]
Dialogue: not this
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,{\\i1}Hello{\\i0}, from\\NASS
Dialogue: 1,0:00:01.00,0:00:03.00,Default,,0,0,0,,Hello, from\\NASS
Comment: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,not said
Dialogue: 0,0:00:04.00,0:00:05.00,Default,,0,0,0,,{\\p1}m 0 0 l 1 1
Dialogue: 0,soon,0:00:05.00,Default,,0,0,0,,lost
"""
SMI = """<SAMI><HEAD><STYLE><!-- .KRCC { lang: ko-KR; } .ENCC { lang: en-US; } --></STYLE></HEAD><BODY><!-- x -->
<SYNC Start=1000><P Class=KRCC>안녕<br>하세요<P Class=ENCC>Hello
<SYNC Start="3000"><P Class=KRCC>&nbsp;<SYNC Start=5000><P Class=KRCC>네</BODY></SAMI>"""


def cues_of(track: Track) -> list[tuple[float, float, str]]:
    return [(round(c.start_s, 3), round(c.end_s, 3), c.text) for c in clean_cues(track.cues)]


def test_other_formats_are_read() -> None:
    ttml = read_xml(TTML, "x.ttml")
    assert cues_of(ttml) == [
        (2.0, 4.0, "Hello from TTML & you &"), (5.0, 5.5, "ticks"), (6.2, 7.0, "frames"),
        (9.0, 10.0, "one"), (10.0, 11.0, "two"),
    ]  # fmt: skip
    assert ttml.language == "en" and ttml.skipped == ("x.ttml: cue 4 has no right times",)
    ass = read_ass(ASS, "x.ass")
    assert cues_of(ass) == [(1.0, 3.0, "Hello, from ASS")] and ass.skipped[0].startswith("x.ass:9: ")
    srv3 = '<timedtext format="3"><body><p t="1000" d="2000">Hello &amp;<s> srv3</s></p></body></timedtext>'
    assert cues_of(read_xml(f'<?xml version="1.0"?>{srv3}', "x")) == [(1.0, 3.0, "Hello & srv3")]
    timed = '<timedtext><body><p t="1000" d="2000"><s>so</s><s t="500"> we</s></p><p t="x">lost</p></body></timedtext>'
    [cue] = clean_cues(read_xml(timed, "x").cues)
    assert [(w.text, w.start_s) for w in words(cue)] == [("so", 1.0), ("we", 1.5)]
    srv1 = '<transcript><text start="1.5" dur="2">it&amp;#39;s</text></transcript>'
    srv2 = '<timedtext><window t="0"/><text t="1500" d="2000">it&amp;#39;s</text></timedtext>'
    assert cues_of(read_xml(srv1, "x")) == cues_of(read_xml(srv2, "x")) == [(1.5, 3.5, "it's")]
    lrc = "[ti:A song]\n[la:en]\n[offset:500]\n[00:01.00][00:09.5]Hello <00:01.80>from LRC\n[00:04:25]\n[01:00]end\n"
    assert cues_of(read_lrc(lrc, "x")) == [
        (0.5, 3.75, "Hello from LRC"),
        (9.0, 19.0, "Hello from LRC"),
        (59.5, 61.5, "end"),
    ]
    smi = read_smi(SMI, "x")
    assert cues_of(smi) == [(1.0, 3.0, "안녕 하세요"), (5.0, 7.0, "네")] and smi.language == "ko-KR"


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (read_xml, "<tt><body>", "x:1: this is not XML"),
        (read_xml, '<!DOCTYPE t [<!ENTITY a "aaaa">]><tt>&a;</tt>', "x:1: it declares entities"),
        (read_xml, "<html><p>403</p></html>", "x:1: <html> is neither"),
        (read_xml, '<tt><body><p begin="soon" end="2s">a</p></body></tt>', "x: cue 1 has no right times"),
        (read_ass, "just text", "x:1: there is no section"),
        (read_ass, "[Events]\nDialogue: a", "x:2: 'Dialogue: a' has no times"),
        (read_lrc, "just text", "x:1: no line has a time"),
        (read_smi, "<html>403</html>", "x:1: there is no <SYNC"),
    ],
)
def test_what_is_none_of_them_is_named(read: Callable[[str, str], Track], text: str, said: str) -> None:
    with pytest.raises(RowError) as error:
        read(text, "x")
    assert str(error.value).startswith(said) and error.value.kind == "bad_subtitle"
    assert read("", "x").cues == [] if read is not read_xml else True


def test_deep_xml_and_huge_numbers_do_no_harm() -> None:
    deep = "<tt><body>" + "<div>" * 2000 + '<p begin="1s" end="2s">a</p>' + "</div>" * 2000 + "</body></tt>"
    assert read_xml(deep, "x").cues == []
    with pytest.raises(RowError, match="no right times"):
        read_xml(f'<timedtext><p t="{"9" * 400}" d="1">a</p></timedtext>', "x")


def test_rolling_captions_are_said_once_with_word_times() -> None:
    track = read_blocks(ROLLING, "x.vtt")
    assert len(track.cues) == 6 and track.language == "en"
    cleaned = clean_cues(track.cues)
    assert [(c.start_s, c.text) for c in cleaned] == [(1.0, "so we fold the"), (3.3, "paper and turn"), (4.98, "it")]
    said = [(round(w.start_s, 3), round(w.end_s, 3), w.text) for c in cleaned for w in words(c)]
    assert said == [
        (1.0, 1.599, "so"),
        (1.599, 1.84, "we"),
        (1.84, 2.38, "fold"),
        (2.38, 3.29, "the"),
        (3.3, 3.48, "paper"),
        (3.48, 3.72, "and"),
        (3.72, 4.97, "turn"),
        (4.98, 6.48, "it"),
    ]


def test_rolling_captions_without_word_times_are_said_once_too() -> None:
    texts = ["a b c", "a b c", "a b c d e", "d e", "d e f", "f"]
    cues = [cue(i, i + 1, text) for i, text in enumerate(texts)]
    assert [(c.start_s, c.text) for c in clean_cues(cues)] == [(0, "a b c"), (2, "d e"), (4, "f")]
    after_a_pause = [cue(9, 10, "f g h"), cue(10, 11, "g h"), cue(20, 21, "g h")]
    assert [(c.start_s, c.text) for c in clean_cues(cues + after_a_pause)][3:] == [(9, "g h"), (20, "g h")]
    japanese = ["今日は", "今日は天気が", "天気が", "天気が いい"]
    tokens = [read_payload(t.replace("は天", "は<00:00:01.500><c>天")) for t in japanese]
    rolled = clean_cues([Cue(i, i + 1, t) for i, t in enumerate(tokens)])
    assert [c.text for c in rolled] == ["今日は", "天気が", "いい"]


def test_what_is_really_said_twice_stays() -> None:
    twice = [cue(0, 1, "No."), cue(1, 2, "No."), cue(2, 3, "Well, no."), cue(3, 4, "Go on"), cue(4, 5, "then.")]
    assert clean_cues(twice) == twice
    refrain = [cue(i, i + 1, "la la la") for i in range(6)]
    assert clean_cues(refrain) == refrain


def test_a_cue_that_ends_before_it_starts_lasts_to_the_next() -> None:
    cues = [cue(1, 0, "a"), cue(1.5, 1.5, "b"), cue(9, 8, "c")]
    assert [(c.start_s, c.end_s) for c in clean_cues(cues)] == [(1, 1.5), (1.5, 3.5), (9, 11)]


def test_karaoke_times_share_their_span_among_words() -> None:
    tokens = read_payload("When the moon <00:17.500>hits your eye <19.5>ow")
    said = words(Cue(16.5, 18.5, tokens))
    assert [w.text for w in said] == ["When", "the", "moon", "hits", "your", "eye", "ow"]
    assert said[3].start_s == 17.5 and said[-1].end_s == 18.5
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in zip(said, said[1:], strict=False))


NO_CHARACTERS = ["&#xD800;", "&#0;", "&#x1b;", "&#55296;", "&#x110000;", "\x00", "\x1b", "\x0c", "\ufffe", "\ud800"]


@pytest.mark.parametrize("odd", NO_CHARACTERS)
def test_what_is_no_character_is_left_out_of_xml_and_costs_no_track(odd: str) -> None:
    ttml = f'<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="1s" end="2s">a{odd} b</p></div></body></tt>'
    srv3 = f'<timedtext format="3"><body><p t="1000" d="1000">a{odd} b</p></body></timedtext>'
    timed = f'<timedtext format="3"><body><p t="1000" d="1000"><s>a{odd}</s><s t="5"> b</s></p></body></timedtext>'
    for text in (ttml, srv3, timed):
        assert cues_of(read_xml(text, "x")) == [(1.0, 2.0, "a b")]


@pytest.mark.parametrize("written", ["&#60;i&#62;", "&#x3C;", "&#34;", "&#38;", "&LT;"])
def test_a_character_by_its_number_is_no_markup(written: str) -> None:
    text = f'<timedtext format="3"><body><p t="1000" d="1000"><s t="0">1 {written} 2</s></p></body></timedtext>'
    assert cues_of(read_xml(text, "x")) == [(1.0, 2.0, f"1 {html.unescape(written)} 2")]


def test_half_a_character_costs_no_track_of_json3() -> None:
    events = {"events": [{"tStartMs": 0, "dDurationMs": 900, "segs": [{"utf8": "a\ud800\u200b b\x00."}]}]}
    assert cues_of(read_json3(json.dumps(events), "x")) == [(0.0, 0.9, "a b.")]


def test_json3_of_a_machine_and_of_a_person() -> None:
    machine = {
        "events": [
            {"tStartMs": 0, "dDurationMs": 9000, "id": 1, "wpWinPosId": 1},
            {
                "tStartMs": 1000,
                "dDurationMs": 4000,
                "segs": [{"utf8": "so"}, {"utf8": " we", "tOffsetMs": 599}, {"utf8": " fold", "tOffsetMs": 840}],
            },
            {"tStartMs": 2990, "dDurationMs": 2010, "aAppend": 1, "segs": [{"utf8": "\n"}]},
            {"tStartMs": 3000, "dDurationMs": 2000, "segs": [{"utf8": "[Music]"}]},
        ]
    }
    first, second = clean_cues(read_json3(json.dumps(machine), "x").cues)
    assert (first.text, first.start_s, first.end_s) == ("so we fold", 1.0, 3.0)
    assert [w.start_s for w in words(first)] == [1.0, 1.599, 1.84]
    assert (second.text, words(second)) == ("[Music]", [])
    person = {"events": [{"tStartMs": 500, "dDurationMs": 1500, "segs": [{"utf8": "Hello,\nworld."}]}]}
    [only] = read_json3(json.dumps(person), "x").cues
    assert (only.text, only.end_s, words(only)) == ("Hello, world.", 2.0, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"events": [\n,]}', "x.json3:2: this is not JSON"),
        ("[]", "x.json3:1: there is no list of `events`"),
        (
            '{"events": [{"segs": [{"utf8": "a"}]}, {"tStartMs": 10000000000000, "segs": [{}]}]}',
            "x.json3: event 0 has no right times",
        ),
        ('{"events": [{"tStartMs": "a", "segs": [{}]}]}', "x.json3: event 0 has no right times"),
        ('{"events": [{"tStartMs": NaN, "segs": [{"utf8": "a"}]}]}', "x.json3: event 0: its times are out of range"),
    ],
)
def test_broken_json3(text: str, said: str) -> None:
    with pytest.raises(RowError) as error:
        read_json3(text, "x.json3")
    assert str(error.value).startswith(said) and error.value.kind == "bad_subtitle"


def test_sbv_is_subrip_with_other_times(tmp_path: Path) -> None:
    text = (
        "0:00:01.599,0:00:04.160\r\n>> ANN: Fold it, 1:30 at night,\r\nthen turn it.\r\n\r\n"
        "1:00:04.160,1:00:06.770\r\nand[br]again\r\n"
    )
    (tmp_path / "a.sbv").write_bytes(text.encode())
    found = [(c.start_s, c.end_s, c.text) for c in read_file(str(tmp_path / "a.sbv"), "sbv").cues]
    assert found == [
        (1.599, 4.16, ">> ANN: Fold it, 1:30 at night, then turn it."),
        (3604.16, 3606.77, "and again"),
    ]
    assert read_sbv("", "a.sbv").cues == []
    odd = read_sbv("0:00:01.599,0:00:04.160\nOne\n\n0:00:04.160,0:00:0x\nTwo\n", "a.sbv")
    assert [c.text for c in odd.cues] == ["One"] and odd.skipped[0].startswith("a.sbv:4: ")
    with pytest.raises(RowError, match="^a.sbv:1: no cue in it"):
        read_sbv("One\n", "a.sbv")


def test_packets_of_text_streams() -> None:
    assert packet_text(b"\x00\x05Hello\x00\x00\x00\x08boxx", "mov_text") == "Hello"
    assert packet_text(b"\x00\x00", "mov_text") == ""
    assert packet_text(b"12,0,Default,,0,0,0,,{\\i1}Well,{\\i0} yes\\Nno", "ass") == "{\\i1}Well,{\\i0} yes\\Nno"
    assert packet_text(b"12,0,Default,,0,0,0,,{\\p1}m 0 0 l 1 1", "ass") == ""


def pieces(*timed: tuple[float, float, str]) -> list[TextPiece]:
    return [TextPiece(start, end, text, True) for start, end, text in timed]


def test_sentences_end_at_stops_and_pauses() -> None:
    said = pieces(
        (0, 1, "We fold"),
        (1, 2, "the paper."),
        (2, 3, "Dr."),
        (3, 4, "Ito turns it"),
        (5.5, 6, "and then"),
        (6, 7, "“Why?”"),
    )
    found = [(s.start_s, s.end_s, s.text) for s in sentences(said, pause_s=1.0, max_s=20)]
    assert found == [(0, 2, "We fold the paper."), (2, 4, "Dr. Ito turns it"), (5.5, 7, "and then “Why?”")]


def test_text_without_stops_is_cut_at_its_longest_silence() -> None:
    said = pieces((0, 1, "a"), (1, 2, "b"), (2.6, 3, "c"), (3, 4, "d"), (4, 5, "e"))
    assert [s.text for s in sentences(said, pause_s=1.0, max_s=3)] == ["a b", "c d e"]
    assert [s.text for s in sentences(said, pause_s=0.5, max_s=9)] == ["a b", "c d e"]
    many = pieces(*((i, i + 1, "w") for i in range(100)))
    parts = list(sentences(many, 1.0, 20.0))
    assert sum(len(p.pieces) for p in parts) == 100 and max(p.end_s - p.start_s for p in parts) <= 20


def test_ends_of_sentences_in_many_scripts() -> None:
    assert all(map(ends_sentence, ("Yes.", "No!", "so do I.", "“Go.”", "(what?)", "终于。", "क्या।", "هل؟", "well…")))
    assert not any(map(ends_sentence, ("and", "Mr.", "the U.S.", "J.", "1,", "etc.", "")))


def test_languages_become_bcp_47() -> None:
    assert [bcp47(t) for t in ("eng", "EN", "pt_BR", "zh-hans", "ger", "und", "", "english", "yue", "en-orig")] == [
        "en", "en", "pt-BR", "zh-Hans", "de", "", "", "", "yue", "en"
    ]  # fmt: skip
    assert [file_language(t) for t in ("en", "forced.en", "en.sdh", "commentary", "")] == ["en", "en", "en", "", ""]
