"""Clips in which it is known what moves, and what mining makes of them."""
