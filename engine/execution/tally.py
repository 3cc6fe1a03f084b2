"""How the rows of a step went in this run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ..contract.errors import UserError
from ..storage.ledger import FAILED, LedgerEntry, entries_of, own_lines
from ..storage.shard import Results

_FEW = 20  # rows after which max_bad counts
_LONGEST_MESSAGE = 200


@dataclass
class RowTally:
    """Each input that was dealt with counts once, however often it was tried."""

    rows: int = 0
    failed: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)  # cause -> a message

    def add_outcomes(self, outcomes: Mapping[str, Results]) -> None:
        """Take what became of a batch. An input has failed where it failed in any of a step's tables."""
        ledgers = [own_lines(outcome.ledger) for outcome in outcomes.values()]
        if len(ledgers) == 1:
            self.rows += ledgers[0].num_rows
        else:
            self.rows += pc.count_distinct(pa.concat_tables(ledgers).column("id")).as_py()
        failures: dict[str, LedgerEntry] = {}
        for ledger in ledgers:
            failed = ledger.filter(pc.equal(ledger.column("status"), FAILED))
            failures |= {entry.id: entry for entry in entries_of(failed)}
        for entry in failures.values():
            self.failed += 1
            self.causes[entry.kind] += 1
            self.examples.setdefault(entry.kind, entry.message)

    def merge(self, other: RowTally) -> None:
        """Take what another has counted."""
        self.rows, self.failed = self.rows + other.rows, self.failed + other.failed
        self.causes.update(other.causes)
        self.examples = {**other.examples, **self.examples}

    def check(self, step: str, max_bad: float, advice: Mapping[str, str] | None = None) -> None:
        """``UserError`` where more than this share of the rows failed; ``advice`` is what to do, by cause."""
        if self.rows < _FEW or self.failed <= max_bad * self.rows:
            return
        [(cause, n)] = self.causes.most_common(1)
        message = " ".join(self.examples[cause].split())[:_LONGEST_MESSAGE]
        how_many = f"{self.failed} of {self.rows} rows failed, more than max_bad ({max_bad:g}) allows"
        what_to_do = (advice or {}).get(cause, "")
        said = f"{how_many}; {n} x {cause}: {message}"
        if what_to_do:
            said = f"{n} x {cause}: {what_to_do}; {how_many}; {message}"
        raise UserError(f"{step}: {said}", "`cliploom errors` lists them")
