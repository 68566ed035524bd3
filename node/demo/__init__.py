"""The whole story on this machine: several nodes, real keys, synthetic people."""
