"""Our own HTTP interface under `/roster/api`: JSON, with the same keys as everything else."""
