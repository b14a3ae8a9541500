"""What the benchmarks need besides the things they measure."""
