"""Clips in which something moves and no thing does: text, nature, light, a face that stays, a screen.

`python -m benchmarks.truth.report --motion things --split tuning --decoys 1` prints false tracks a minute, by kind.
"""
