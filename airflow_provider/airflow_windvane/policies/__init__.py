"""When a failed task is tried again."""
