"""Who checks: tags by machine, reviews by people."""
