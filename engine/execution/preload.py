"""What every worker needs, imported once in the server that workers are forked from."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # workers share the cores: more threads only wait

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from . import worker_pool  # noqa: F401

pa.array([""])  # pyarrow looks for pandas at the first array: half a second where it is installed
