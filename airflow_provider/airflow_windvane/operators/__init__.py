"""One thin operator a stage; import each from its own module, or from ``airflow_windvane``."""
