"""What is counted and measured for Prometheus: names, units, and how they are written out."""
