"""What runs: pure deciders beside effectful pipelines."""
