"""Questions to people and their answers, as csv files that any spreadsheet opens."""
