"""The training of the tagger of personal values: sentences of our own making, and the learning."""
