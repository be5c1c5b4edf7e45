"""What an answer costs: `python -m benchmarks` measures a real proxy against the bars of the design."""
