"""Clips by a rule in SQL: what a rule may say, and what it may not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import Map, Step, StepContext, reads
from cliploom.engine.expressions.expression import columns_of, connect
from cliploom.filters.keep import Keep
from cliploom.filters.sql.columns import KeepInput, base_schema
from cliploom.schemas import Caption, Clip, Score, Span, Tags, Video, to_arrow


class Measure(Map[Clip, Score]):
    """Stands for a step that measures."""

    measures = ("conse", "Aesthetic")


def _row(
    seconds: float = 10.0,
    captions: Sequence[Caption] = (),
    scores: Sequence[Score] = (),
    tags: Sequence[Tags] = (),
    videos: Sequence[Video] = (),
) -> KeepInput:
    clip = Clip("v_1", "v", 5.0, 5.0 + seconds, [Span(5.0, 6.0), Span(6.0, 5.0 + seconds)])
    return KeepInput(clip, list(captions), list(scores), list(tags), list(videos))


def _caption(id_: str, text: str, *parents: str) -> Caption:
    return Caption(id_, "v", "v_1", "speech", "teacher", text, list(parents), "m", "1")


def _score(name: str, value: float, caption_id: str | None = None) -> Score:
    return Score(f"{caption_id}_{name}_{value}", "v", "v_1", caption_id, name, value, "m")


def _judged(where: str, *rows: KeepInput) -> list[object]:
    with Keep(where).open(StepContext(Path(), {"": Path("x")})) as work:
        return list(work(list(rows)))


def _refused(where: str, earlier: Sequence[Step] = (Measure(),)) -> UserError:
    with pytest.raises(UserError) as caught:
        Keep(where).check(earlier)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith("filters.keep.where: ")
    return caught.value


def test_a_batch_is_judged_in_order() -> None:
    rows = [_row(seconds=s) for s in (1.0, 2.0, 60.0, 61.0)]
    assert _judged("seconds between 2 and 60", *rows) == ["where", None, None, "where"]


def test_the_rule_of_the_manual() -> None:
    rule = "seconds between 2 and 60 and conse > 0.2"
    Keep(rule).check([Measure()])
    good, bad, unknown = _row(scores=[_score("conse", 0.3)]), _row(scores=[_score("conse", 0.1)]), _row()
    assert _judged(rule, good, bad, unknown) == [None, "where", "where_is_null"]


def test_scores_count_of_the_captions_in_view_and_their_parents() -> None:
    chosen = _caption("chosen", "a cat", "first")
    scores = [_score("conse", 0.5, "first"), _score("conse", 0.9, "loser"), _score("conse", 0.6, "chosen")]
    row = _row(captions=[chosen], scores=scores)
    assert _judged("conse = 0.6", row) == [None]
    assert _judged("conse > 0.6", row) == ["where"]


def test_names_are_the_same_in_upper_and_lower_case() -> None:
    row = _row(scores=[_score("Aesthetic", 5.5)])
    for rule in ("aesthetic > 5", "AESTHETIC > 5", '"Aesthetic" > 5 and SECONDS > 1'):
        Keep(rule).check([Measure()])
        assert _judged(rule, row) == [None]


@pytest.mark.parametrize(
    "rule",
    [
        "clip_id = 'v_1' and start_s = 5 and n_shots = 2 and shots[2].start_s = 6",
        "caption like 'a red%' and caption_words = 3 and teacher = 'speech' and language = 'en' and n_captions = 2",
        "list_contains(objects, 'car') and n_objects = 2 and attributes = ['red'] and n_attributes = 1",
        "len(list_filter(objects, lambda o: o = 'car')) = 1",
        "len([o for o in objects if o like 'c%']) = 1",
        "license = 'cc-by-4.0' and width_px >= 1280 and fps between 23 and 61 and not hdr",
        "json_extract_string(metadata, '$.channel') = 'films'",
        "hash(clip_id) % 100 < 100",
        "case when cut = 'none' then file is null else false end -- with a remark",
    ],
)
def test_every_column_says_what_it_is_called(rule: str) -> None:
    video = Video(
        "v", "u", "p", "s", 3, license="cc-by-4.0", width_px=1280, height_px=720, fps=24.0,
        metadata='{"channel": "films"}',
    )  # fmt: skip
    captions = [_caption("a", "a red car"), _caption("b", "something else")]
    tags = [
        Tags("a", "v", "v_1", "a", ["car", "road"], ["red"], [], "m"),
        Tags("z", "v", "v_1", "z", ["dog"], ["black"], [], "m"),
    ]
    Keep(rule).check([])
    assert _judged(rule, _row(captions=captions, tags=tags, videos=[video])) == [None]


def test_a_clip_without_anything_has_nulls_and_empty_lists() -> None:
    assert _judged("caption is null and n_captions = 0 and objects = [] and license is null", _row()) == [None]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("secnds > 2", "there is no column or score secnds; did you mean seconds?"),
        ("seconds > 2 and conze > 0.2", "there is no column or score conze; did you mean conse?"),
        ("path = 'x'", "there is no column or score path"),
        ("clips.seconds > 2", "there is no column or score clips"),
        ("rowid > 1", "there is no column or score rowid"),
        ("seconds", "its value is DOUBLE, not true or false"),
        ("null", "not true or false"),
        ("seconds > 'long'", "Could not convert string 'long'"),
        ("seconds betwen 2 and 3", "syntax error"),
        ("lenght(caption) > 3", "lenght does not exist"),
        (" ", "it is empty"),
        ("avg(seconds) > 3", "it holds an aggregate"),
        ("seconds" + " + 1" * 900 + " > 1", "it is nested more than 100 deep"),
        ("case when true then " * 400 + "true" + " end" * 400, "it is nested more than 100 deep"),
        ("count(*) > 0", "it holds an aggregate"),
        ("row_number() over (order by clip_id) < 10", "it holds a window function"),
        ("random() < 0.1", "random() has another value in every build"),
        ("now() > '2020-01-01'::timestamptz", "now() has another value in every build"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_one_line(rule: str, said: str) -> None:
    assert said in _refused(rule).message


@pytest.mark.parametrize(
    "rule",
    [
        "end_s - start_s > 0.5 and start_s + 1 < end_s",
        "len(range(n_shots)) = 2 and list_sum(generate_series(1, 3)) = 6",
        "date_part('year', '2020-05-06'::date) = 2020 and year(date '2020-05-06') = 2020",
        "strftime(timestamp '2020-05-06 07:08:09', '%H') = '07'",
        "date_diff('day', date '2020-01-01', date '2020-01-03') = 2",
        "age(timestamp '2020-01-03', timestamp '2020-01-01') = interval 2 days",
        "date_add(date '2020-01-01', interval 1 day) = timestamp '2020-01-02'",
        "'2020-01-01 00:30:00+01'::timestamptz::varchar = '2019-12-31 23:30:00+00'",
        "list_aggr([1, 2], 'sum') = 3 and list_avg([1, 3]) = 2 and split_part('a-b', '-', 2) = 'b'",
        "clip_id.upper().lower() = 'v_1' and n_shots.greatest(9) = 9",
        "nullif(cut, 'none') is null and if(n_shots = 2, true, false) and try(1 // n_captions) is null",
    ],
)  # fmt: skip
def test_whatever_follows_from_a_clip_alone_is_allowed(rule: str) -> None:
    Keep(rule).check([])
    assert _judged(rule, _row()) == [None]


@pytest.mark.parametrize(
    "call",
    [
        "ago(interval 1 day)", "pg_sleep(60)", "pg_catalog.pg_sleep(60)", "sleep_ms(1)", "uuid()", "get_current_time()",
        "age(timestamp '2020-01-01')", "today()", "current_database()", "current_catalog()", "version()",
        "pg_conf_load_time()", "write_log('x')", "txid_current()", "current_query()", "get_block_size('memory')",
        "list_aggr([1, 2], 'reservoir_quantile', 0.5)", "list_aggr([1, 2], 'reservoir' || '_quantile', 0.5)",
        "json_serialize_plan('select 1')", "unnest([1, 2])", "generate_subscripts([1], 1)", "upper(uuid()::varchar)",
        "list_transform([1], lambda x: random())", "assert_true(false)", "in_search_path('a', 'b')",
    ],
)  # fmt: skip
def test_what_follows_from_anything_else_is_refused_before_it_runs(call: str) -> None:
    said = _refused(f"{call} is not null").message
    ours = ("has another value in every build", "is no function of one row")
    assert any(words in said for words in (*ours, "does not exist"))  # not every DuckDB has all of them


@pytest.mark.parametrize("word", ["current_timestamp", "current_date", "localtime", "localtimestamp", "current_user"])
def test_words_that_sql_has_for_the_time_and_the_user_are_no_columns(word: str) -> None:
    assert "there is no column or score" in _refused(f"{word} is not null").message


_SAMPLES = {
    "VARCHAR": "'a5'", "ANY": "'5'", "BIGINT": "3", "INTEGER": "3", "HUGEINT": "3::hugeint", "DOUBLE": "0.5::double",
    "FLOAT": "0.5::float", "BOOLEAN": "true", "DATE": "date '2020-05-06'",
    "TIMESTAMP": "timestamp '2020-05-06 07:08:09'",
    "TIMESTAMP WITH TIME ZONE": "timestamptz '2020-05-06 07:08:09+00'", "INTERVAL": "interval 3 days",
    "BLOB": "'a'::blob", "TIME": "time '07:08:09'", "ANY[]": "[3, 1, 2]", "VARCHAR[]": "['b', 'a']",
    "JSON": "'[1]'::json",
    "UUID": "md5('a')::uuid", "DOUBLE[]": "[0.5::double, 0.25::double]", "UBIGINT": "3::ubigint", "BIT": "'101'::bit",
}  # fmt: skip


def test_every_function_that_is_allowed_gives_the_same_in_another_time_zone_and_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of DuckDB's own functions, called with values of their types."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    here = connect()
    monkeypatch.setenv("TZ", "America/St_Johns")
    monkeypatch.setenv("LC_ALL", "th_TH.UTF-8")
    there, compared = connect(), set[str]()
    query = "SELECT DISTINCT function_name, parameter_types FROM duckdb_functions() WHERE function_type IN (?, ?)"
    for name, types in sorted(here.execute(query, ["scalar", "macro"]).fetchall(), key=str):
        if name in compared:
            continue
        quoted = '"' + name.replace('"', '""') + '"'
        call = f"{quoted}({', '.join(_SAMPLES.get(type_ or 'ANY', 'null') for type_ in types)})"
        try:
            columns_of(here, call)
            values = [db.execute(f"SELECT ({call})::varchar").fetchall() for db in (here, there)]
        except (UserError, duckdb.Error):
            continue
        assert values[0] == values[1], call
        compared.add(name)
    assert len(compared) > 400
    assert compared >= {"+", "-", "range", "year", "strftime", "hash", "md5", "split_part"}
    assert not compared & {"random", "uuid", "now", "today", "sleep_ms", "pg_sleep", "ago", "current_setting"}


def test_the_hint_names_the_scores_there_are() -> None:
    assert _refused("x > 1").hint == "scores that steps before it make: conse, aesthetic"
    assert _refused("conse > 1", earlier=[]).hint == "scores that steps before it make: none"


@pytest.mark.parametrize(
    "rule",
    [
        "exists (select 1 from read_text('{file}'))",
        "exists (from read_text('{file}'))",
        "(select content from read_text('{file}')) like '%secret%'",
        "seconds in (select 1)",
        "1=1) from read_csv('{file}') where (1=1",
        "true), (false",
        "true; copy (select 1) to '{out}'",
        "true) limit 1; copy (select 1) to '{out}'; select (true",
        "true); attach '{out}'; select (true",
        "columns('.*') is not null",
        "* is null",
        "$1",
        "?",
        "(copy (select 1) to '{out}')",
        "getvariable('x') is null",
        "current_setting('home_directory') = ''",
        "nextval('s') = 1",
        "query('select 1') = 1",
        "read_text('{file}') is null",
        "true /*",
    ],
)
def test_a_hostile_rule_reaches_nothing(rule: str, tmp_path: Path) -> None:
    secret, out = tmp_path / "secret.csv", tmp_path / "out"
    secret.write_text("a,b\nsecret,1\n")
    text = rule.format(file=secret, out=out)
    _refused(text)
    with pytest.raises((UserError, RowError)):  # nor without the planner
        _judged(text, _row())
    assert [p.name for p in tmp_path.iterdir()] == ["secret.csv"]


def test_even_a_rule_that_got_through_could_open_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    db = connect()
    for said in (f"FROM '{tmp_path}/secret.csv'", f"COPY (SELECT 1) TO '{tmp_path}/out'", "INSTALL httpfs",
                 "SET enable_external_access = true", f"ATTACH '{tmp_path}/x.db'"):  # fmt: skip
        with pytest.raises(duckdb.Error):
            db.execute(said)
    assert [p.name for p in tmp_path.iterdir()] == ["secret.csv"]


def test_a_value_that_does_not_convert_fails_its_row() -> None:
    video = Video("v", "u", "p", "s", 3, title="twelve")
    Keep("title::int > 3").check([])
    with pytest.raises(RowError, match="Could not convert string 'twelve'") as caught:
        _judged("title::int > 3", _row(videos=[video]))
    assert caught.value.kind == "where"


def test_it_needs_nothing_but_clips() -> None:
    assert [join.required for join in reads(Keep).joins] == [False] * 4
    Keep().check([])
    assert _judged(Keep().where, _row()) == [None]
    assert not {"path", "subtitles", "chapters"} & set(base_schema().names)


@pytest.mark.parametrize(
    "where", ["seconds > 3", "n_shots = 2 and start_s < 9", "nullif(n_shots, 2) > 1", "SECONDS < 4"]
)
def test_a_rule_about_clips_alone_is_judged_by_tables(where: str, tmp_path: Path) -> None:
    step, rows = Keep(where), [_row(float(seconds)) for seconds in range(2, 9)]
    table = to_arrow(Clip, [row.clip for row in rows])
    assert {*step.table_columns()} <= {"start_s", "end_s", "shots"}
    found = step.drop_table(table.select(step.table_columns()))
    assert step.rows_per_call() > Keep.batch
    with step.open(StepContext(tmp_path, {})) as work:
        assert found.to_pylist() == list(work(rows))


def test_a_rule_about_more_is_judged_by_rows() -> None:
    for where in ("n_captions > 1", "conse > 0.2 and seconds > 2", "width_px > 100"):
        assert not Keep(where).table_columns()
        assert Keep(where).rows_per_call() == Keep.batch
