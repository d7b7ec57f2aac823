"""Clips with two to six things at a time, and scores of what mining finds in them."""
