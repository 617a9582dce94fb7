"""Connection types: the model gateway and the store."""
