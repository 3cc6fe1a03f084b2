"""What every worker needs, imported once in the server that workers are forked from."""

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from . import worker_process  # noqa: F401

pa.array([""])  # pyarrow looks for pandas at the first array: half a second where it is installed
