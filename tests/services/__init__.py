"""Throwaway servers for tests: on 127.0.0.1, a free port, a temporary folder, gone when the test process is."""
