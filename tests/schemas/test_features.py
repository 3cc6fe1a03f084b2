"""Arrow schemas as Hugging Face features, held against the package itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cliploom.schemas import ROWS, Clip, Span, Tags, arrow_schema, to_arrow
from cliploom.schemas.features import METADATA_KEY, features, features_dict, features_json, features_yaml, schema_of


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_they_are_what_datasets_itself_makes_of_the_schema(row: type) -> None:
    schema = arrow_schema(row)
    expected = datasets.Features.from_arrow_schema(schema.remove_metadata())
    assert features(schema) == expected
    assert features_dict(schema) == expected.to_dict()
    assert features_yaml(schema) == expected._to_yaml_list()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_datasets_reads_them_back_from_the_metadata_and_from_the_card(row: type) -> None:
    schema = arrow_schema(row)
    said = json.loads(features_json(schema))
    assert datasets.Features.from_dict(said["info"]["features"]) == features(schema)
    assert datasets.Features._from_yaml_list(features_yaml(schema)) == features(schema)
    assert features_yaml(schema_of(features_yaml(schema))) == features_yaml(schema)
    marked = schema.with_metadata({METADATA_KEY: features_json(schema)})
    assert datasets.Features.from_arrow_schema(marked) == features(schema)


def test_a_file_with_the_metadata_loads_with_its_types(tmp_path: Path) -> None:
    table = to_arrow(Clip, [Clip("c", "v", 0.0, 2.0, [Span(0.0, 2.0)])])
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: features_json(table.schema)}), tmp_path / "c.parquet")
    data = datasets.Dataset.from_parquet(str(tmp_path / "c.parquet"), cache_dir=str(tmp_path / "cache"))
    assert data.features == features(arrow_schema(Clip))
    assert data[0]["shots"] == [{"start_s": 0.0, "end_s": 2.0}] and data[0]["file"] is None


def test_lists_of_structures_and_small_numbers() -> None:
    schema = pa.schema([("a", pa.list_(pa.list_(pa.float16()))), ("b", pa.struct([("c", pa.float32())])),
                        ("d", pa.binary()), ("e", pa.bool_())])  # fmt: skip
    assert features(schema) == datasets.Features.from_arrow_schema(schema)
    assert features_yaml(schema) == features(schema)._to_yaml_list()
    assert features_dict(arrow_schema(Tags))["pairs"]["feature"]["object"] == {"dtype": "string", "_type": "Value"}


def test_a_type_that_datasets_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="dictionary"):
        features_dict(pa.schema([("a", pa.dictionary(pa.int8(), pa.string()))]))


def test_all_but_features_works_without_the_package() -> None:
    code = (
        "import sys; sys.modules['datasets'] = None\n"
        "from cliploom.schemas import Clip, arrow_schema\n"
        "from cliploom.schemas.features import features, features_json, features_yaml\n"
        "features_json(arrow_schema(Clip)); features_yaml(arrow_schema(Clip))\n"
        "try:\n    features(arrow_schema(Clip))\n"
        "except ModuleNotFoundError:\n    print('absent')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "absent"


@pytest.mark.parametrize("said", [None, [{"dtype": "string"}], [{"name": "a", "dtype": "video"}], [{"name": "a"}], 3])
def test_what_describes_no_columns_is_refused(said: Any) -> None:
    with pytest.raises(ValueError):
        schema_of(said)
