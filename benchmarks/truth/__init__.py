"""Generated clips whose moving objects are known, and scores of what mining finds in them."""
