"""How well Windvane knows data, on cases whose answers are known: ``python -m tests.bench.quality NAME --data DIR``.

Each module here is a NAME. It reads every case in DIR, asks the product as a user would, and prints one line a figure:
what was measured, the value, of how many cases, and the bar. Nothing of the cases is kept in this repository.
"""
