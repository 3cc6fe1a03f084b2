"""Ways to people: csv files, one offline page, and Label Studio, behind one port."""
