"""What is measured against what: `python -m benchmarks`, from the checkout. Figures, never tests."""
